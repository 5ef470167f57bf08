/** How each database wants its tables written: what migrations are built with. */
import { sql } from 'kysely';
import type { ColumnDataType, CreateTableBuilder, Kysely, RawBuilder } from 'kysely';
import { dialectOf } from './dialect.ts';
import type { Dialect } from './dialect.ts';
import type { Schema } from './schema.ts';

/** Milliseconds since 1970, and their like: 64 bits everywhere. */
export const MILLIS = 'bigint';

/** Builds tables in one database. */
export class Ddl {
  readonly db: Kysely<Schema>;
  readonly dialect: Dialect;
  private readonly tableEnd: RawBuilder<unknown> | undefined;

  private constructor(db: Kysely<Schema>, tableEnd: RawBuilder<unknown> | undefined) {
    this.db = db;
    this.dialect = dialectOf(db);
    this.tableEnd = tableEnd;
  }

  /** Looks which release of the server it is. */
  static async of(db: Kysely<Schema>): Promise<Ddl> {
    if (dialectOf(db) !== 'mysql') return new Ddl(db, undefined);
    const { rows } = await sql<{ version: string }>`select version() as version`.execute(db);
    // Names are compared byte by byte, blanks at the end included: SIP does so.
    const collation = /mariadb/i.test(rows[0]?.version ?? '') ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
    return new Ddl(db, sql.raw(`engine innodb default character set utf8mb4 collate ${collation}`));
  }

  /** An integer key that its row brings along. SQLite has a faster one under exactly this name. */
  get id(): ColumnDataType {
    return this.dialect === 'sqlite' ? 'integer' : 'bigint';
  }

  /** Begins a table; one that is there already, of a migration that was cut short, stays. */
  table(name: keyof Schema): CreateTableBuilder<string, never> {
    const table: CreateTableBuilder<string, never> = this.db.schema.createTable(name).ifNotExists();
    return this.tableEnd === undefined ? table : table.modifyEnd(this.tableEnd);
  }

  /** The same with a column `id` that the database counts itself, and never gives twice. */
  numbered(name: keyof Schema): CreateTableBuilder<string, 'id'> {
    return this.table(name).addColumn('id', this.id, (column) =>
      this.dialect === 'postgres'
        ? column.generatedByDefaultAsIdentity().primaryKey()
        : column.primaryKey().autoIncrement(),
    );
  }

  /** Adds an index, unless it is there. */
  async index(name: string, table: keyof Schema, columns: readonly string[]): Promise<void> {
    if (this.dialect === 'mysql') {
      // MariaDB alone could say `if not exists`; MySQL cannot.
      const { rows } = await sql`select 1 from information_schema.statistics
        where table_schema = database() and table_name = ${table} and index_name = ${name}`.execute(this.db);
      if (rows.length > 0) return;
      await this.db.schema
        .createIndex(name)
        .on(table)
        .columns([...columns])
        .execute();
      return;
    }
    await this.db.schema
      .createIndex(name)
      .ifNotExists()
      .on(table)
      .columns([...columns])
      .execute();
  }

  /** Adds columns that are not there. */
  async columns(
    name: keyof Schema,
    columns: readonly (readonly [name: string, type: ColumnDataType])[],
  ): Promise<void> {
    const tables = await this.db.introspection.getTables();
    const there = new Set(tables.find((table) => table.name === name)?.columns.map((column) => column.name));
    for (const [column, type] of columns) {
      if (!there.has(column)) await this.db.schema.alterTable(name).addColumn(column, type).execute();
    }
  }

  /** Runs a command written by hand. */
  async command(text: string): Promise<void> {
    await sql.raw(text).execute(this.db);
  }
}
