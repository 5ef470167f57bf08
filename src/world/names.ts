/**
 * Names → records: the hosts file, then what is remembered, then the name servers. Ours and not Node's, because that
 * one tells no TTL for SRV and NAPTR, remembers nothing, and cannot say what it knows without waiting.
 */
import type { Clock, DnsRecord, DnsType, HostPort, Logger, Millis, Random } from '../base/world.ts';
import { type CacheEntry, DnsCache, type Learned } from './dns-cache.ts';
import { type HostAddresses, type Hosts, readHosts, readServers } from './dns-config.ts';
import { type DnsReply, rcode } from './dns-message.ts';
import { type DnsPlace, DnsPlaces } from './dns-places.ts';
import { ask, type DnsSockets, type QuestionPlan } from './dns-question.ts';
import { labelsOf } from './dns-reader.ts';
import { followAliases } from './dns-alias.ts';
import { limits } from './limits.ts';

/** What an operator may choose. */
export interface NameSettings {
  /** Instead of those of resolv.conf. */
  readonly servers?: readonly HostPort[] | undefined;
  /** How long one server is waited for. */
  readonly timeoutMs: Millis;
  /** How often each is asked. */
  readonly attempts: number;
}

/** What it stands on. */
export interface NameParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly sockets: DnsSockets;
  readonly settings: NameSettings;
  /** A file as text, '' when it cannot be read. */
  readonly read: (file: string) => Promise<string>;
}

const RESOLV_CONF = '/etc/resolv.conf';
const HOSTS = '/etc/hosts';
const NOTHING: readonly DnsRecord[] = [];

/** The names of the world. */
export class Names {
  private readonly parts: NameParts;
  private readonly cache: DnsCache;
  private readonly places: DnsPlaces;
  /** Names being asked for: whoever wants the same waits with the first. */
  private readonly pending = new Map<string, Promise<CacheEntry | string>>();
  /** Names that nobody could tell, and until when we do not ask again. */
  private readonly failures = new Map<string, { readonly until: Millis; readonly code: string }>();
  private hosts: Hosts = readHosts('');
  private servers: readonly HostPort[];
  private loading: Promise<void> | undefined = undefined;
  private loadedAt = -Infinity;

  constructor(parts: NameParts) {
    this.parts = parts;
    this.cache = new DnsCache(parts.clock);
    this.places = new DnsPlaces(parts.clock);
    this.servers = parts.settings.servers ?? readServers('');
  }

  /** See `Net.known`. */
  known(name: string, type: DnsType): readonly DnsRecord[] | undefined {
    const host = this.hostOf(name, type);
    if (host !== undefined) return recordsOf(host, type);
    const entry = this.cache.find(name, type);
    if (entry === undefined) return undefined;
    if (this.cache.wantsRefresh(entry)) void this.askOnce(name, type);
    return entry.records;
  }

  /** See `Net.resolve`. */
  async resolve(name: string, type: DnsType): Promise<readonly DnsRecord[]> {
    const key = labelsOf(name)?.join('.');
    if (key === undefined) throw nameError('ENOTFOUND', `no such name can be: ${name}`);
    if (this.parts.clock.now() >= this.loadedAt + limits.dnsFilesMs) this.loading ??= this.load();
    if (this.loadedAt === -Infinity) await this.loading;
    const host = this.hostOf(key, type);
    const found = host === undefined ? this.cache.find(key, type) : { records: recordsOf(host, type) };
    const entry = found ?? (await this.askOnce(key, type));
    if (typeof entry === 'string') throw nameError(entry, `nobody tells the ${type} records of ${name}`);
    if (entry.records.length > 0) return entry.records;
    throw nameError('code' in entry ? entry.code : 'ENODATA', `${name} has no ${type} record`);
  }

  /** Settles with the entry, or with the code of a failure. */
  private askOnce(name: string, type: DnsType): Promise<CacheEntry | string> {
    const key = `${type} ${name}`;
    const pending = this.pending.get(key);
    if (pending !== undefined) return pending;
    const failure = this.failures.get(key);
    if (failure !== undefined && failure.until > this.parts.clock.now()) return Promise.resolve(failure.code);
    const place = this.places.take(name);
    const asked = this.ask(name, type, place).finally(() => {
      this.pending.delete(key);
      this.places.leave(place);
    });
    this.pending.set(key, asked);
    return asked;
  }

  private async ask(name: string, type: DnsType, place: DnsPlace): Promise<CacheEntry | string> {
    const key = `${type} ${name}`;
    const learned = await this.learn(name, type, place.signal);
    this.places.learn(place, learned.kind !== 'failed');
    const entry = this.cache.learn(name, type, learned);
    if (learned.kind === 'failed') {
      this.parts.log.warn('no name server tells', {
        name,
        type,
        code: learned.code,
        stale: entry !== undefined,
      });
      // Who was asked for no longer might have been told of a moment later.
      if (!place.signal.aborted) this.rememberFailure(key, learned.code);
    } else this.failures.delete(key);
    return entry ?? (learned.kind === 'failed' ? learned.code : 'ESERVFAIL');
  }

  /** Asks, and follows aliases, whether the server has done so or not. RFC 1034 §3.6.2 */
  private async learn(name: string, type: DnsType, signal: AbortSignal): Promise<Learned> {
    let wanted = name;
    let leastMs = Infinity;
    for (let aliasesLeft: number = limits.dnsAliases; ;) {
      const end = await ask(this.parts, this.plan(), wanted, type, signal);
      if (end.reply === undefined) return { kind: 'failed', code: end.code };
      this.prefer(end.server);
      const chain = followAliases(end.reply.answers, wanted, aliasesLeft);
      if (chain === undefined) return { kind: 'failed', code: 'ELOOP' };
      leastMs = Math.min(leastMs, chain.leastMs);
      if (chain.records.length > 0) return { kind: 'records', records: shortened(chain.records, leastMs) };
      // A server that says no more than the alias is asked for where it leads; one that says there is nothing, not.
      if (chain.aliases === 0 || end.reply.negativeMs !== undefined) return nothing(end.reply, leastMs);
      aliasesLeft -= chain.aliases;
      wanted = chain.name;
    }
  }

  private plan(): QuestionPlan {
    const { timeoutMs, attempts } = this.parts.settings;
    return { servers: this.servers, timeoutMs, attempts };
  }

  /** The server that answered is asked first from now on, so that a dead one costs one question and not each. */
  private prefer(server: HostPort): void {
    const at = this.servers.indexOf(server);
    if (at > 0) this.servers = [...this.servers.slice(at), ...this.servers.slice(0, at)];
  }

  private rememberFailure(key: string, code: string): void {
    const now = this.parts.clock.now();
    this.failures.delete(key);
    for (const [old, { until }] of this.failures) {
      if (until > now && this.failures.size < limits.dnsNames) break;
      this.failures.delete(old);
    }
    this.failures.set(key, { until: now + limits.dnsFailureMs, code });
  }

  /** Whoever writes an address into the hosts file means that one: such a name has no services. */
  private hostOf(name: string, type: DnsType): HostAddresses | undefined {
    if (type !== 'SRV') return this.hosts.get(name);
    return this.hosts.get(name.substring(name.indexOf('.', name.indexOf('.') + 1) + 1));
  }

  private async load(): Promise<void> {
    const { read, clock, settings } = this.parts;
    const [hosts, resolvConf] = await Promise.all([read(HOSTS), read(RESOLV_CONF)]);
    this.hosts = readHosts(hosts);
    const servers = settings.servers ?? readServers(resolvConf);
    const same =
      servers.length === this.servers.length && servers.every((a) => this.servers.some((b) => isSame(a, b)));
    if (!same) this.servers = servers;
    this.loadedAt = clock.now();
    this.loading = undefined;
  }
}

function isSame(a: HostPort, b: HostPort): boolean {
  return a.host === b.host && a.port === b.port;
}

function recordsOf(host: HostAddresses, type: DnsType): readonly DnsRecord[] {
  return type === 'A' || type === 'AAAA' ? host[type] : NOTHING;
}

/** What an alias leads to holds no longer than the alias. */
function shortened(records: readonly DnsRecord[], leastMs: Millis): readonly DnsRecord[] {
  return records.map((record) => (record.ttlMs <= leastMs ? record : { ...record, ttlMs: leastMs }));
}

function nothing({ code, negativeMs }: DnsReply, leastMs: Millis): Learned {
  const ttlMs = negativeMs === undefined ? undefined : Math.min(negativeMs, leastMs);
  return { kind: 'none', code: code === rcode.nxDomain ? 'ENOTFOUND' : 'ENODATA', ttlMs };
}

/** As Node's own resolver gives them. */
function nameError(code: string | undefined, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
