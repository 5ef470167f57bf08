/**
 * docs/configuration.md: every key of tandem.toml, made of the schema that checks it.
 *
 *   node tools/configuration.ts     writes it again
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { settingsSchema } from '../src/server/settings-schema.ts';
import { ROOT } from './source-files.ts';

/** Where the table lies. */
export const CONFIGURATION_TABLE = join(ROOT, 'docs', 'configuration.md');

const HEADER = `# Configuration

Made by \`node tools/configuration.ts\` of \`src/server/settings-schema.ts\`; a test holds it current.

Settings stand in \`tandem.toml\` in the folder the exchange is started from, or in the file named by
\`--config\`. Every key has a default: an empty file, or none, is a working exchange. A wrong or misspelt key
stops the start with its line and the key that was probably meant; \`tandem check\` says so beforehand.

\`\`\`toml
[sip]
listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]
domains = ["example.com"]

[data]
folder = "/var/lib/tandem"
\`\`\`
`;

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The text of docs/configuration.md. */
export function configurationTable(): string {
  const { properties = {} } = z.toJSONSchema(settingsSchema, { io: 'input' });
  const sections = Object.entries(properties).map(([name, schema]) => section(name, schema as JsonSchema));
  return HEADER + sections.join('');
}

function section(name: string, schema: JsonSchema): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => row(key, value as JsonSchema));
  return `\n## [${name}]\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n${rows.join('')}`;
}

function row(key: string, schema: JsonSchema): string {
  const initial = JSON.stringify(schema.default).replaceAll('","', '", "');
  return `| \`${key}\` | \`${initial}\` | ${allowed(schema)} | ${schema.description} |\n`;
}

function allowed(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.type === 'array') return `list of ${allowed(schema.items as JsonSchema)}`;
  if (schema.type === 'boolean') return '`true`, `false`';
  if (schema.type === 'integer') return `${schema.minimum} – ${schema.maximum}`;
  return 'text';
}

if (import.meta.main) writeFileSync(CONFIGURATION_TABLE, configurationTable());
