/** Connection and server commands: PING, SELECT, CLIENT, COMMAND, CONFIG, DEBUG, and what INFO and CLIENT LIST name. */
import { expect, test } from 'vitest'
import type { Pair } from './compare.ts'
import { type Argument, RawClient } from './raw-client.ts'
import {
  closed,
  differs,
  frames,
  masked,
  on,
  read,
  type Step,
  type StepLike,
  send,
  splitArguments,
  unordered,
  unorderedPairs,
  varies,
  wait,
} from './steps.ts'
import { compat } from './suite.ts'

/** CONFIG GET of more than one directive. */
const configGet = (...patterns: string[]): Step =>
  unorderedPairs(['CONFIG', 'GET', ...patterns], 'CONFIG GET lists in hash order')

/** CLIENT LIST and INFO, without the fields that say where and how large. */
const clientFields = (like: StepLike): Step =>
  masked(
    like,
    /(?<=\b(?:id|addr|laddr|fd|age|idle|qbuf|qbuf-free|argv-mem|multi-mem|rbs|rbp|tot-mem)=)\S*|(?: lib-(?:name|ver)=\S*)+/,
    'ids, addresses, ages and memory figures; 7.2 added lib-name and lib-ver',
  )

compat('connection', ({ script, pair }) => {
  script('PING, ECHO, SELECT, TIME, LOLWUT', [
    'PING',
    'PING hello',
    ['PING', ''],
    ['PING', 'a\r\nb\x00\xff'],
    ['ECHO', ''],
    ['ECHO', 'a\r\nb\x00\xff'],
    'SELECT 1',
    'SET k v',
    'DBSIZE',
    'SELECT 0',
    'GET k',
    'SELECT 15',
    'SELECT 16',
    'SELECT -1',
    'SELECT x',
    'SELECT 1.5',
    ['SELECT', ''],
    'SELECT 99999999999999999999',
    'SELECT 9223372036854775807',
    'SELECT 01',
    varies('TIME', 'the time'),
    varies('LOLWUT', 'art and version'),
    varies('LOLWUT VERSION 5 10 4 4', 'chance'),
    'LOLWUT VERSION x',
    'LOLWUT VERSION 5 x',
  ])

  script('CLIENT names', [
    'CLIENT GETNAME',
    'CLIENT SETNAME me',
    'CLIENT GETNAME',
    ['CLIENT', 'SETNAME', ''],
    'CLIENT GETNAME',
    ['CLIENT', 'SETNAME', 'a b'],
    ['CLIENT', 'SETNAME', 'a\nb'],
    ['CLIENT', 'SETNAME', '\xc3\xa9'],
    ['CLIENT', 'SETNAME', '~!'],
    'CLIENT GETNAME',
    'CLIENT SETNAME a b',
    varies('CLIENT ID', 'ids count connections'),
    'CLIENT NO-EVICT ON',
    'CLIENT NO-EVICT off',
    'CLIENT NO-EVICT x',
    clientFields('CLIENT INFO'),
  ])

  script('what 7.2 added to CLIENT', [
    differs('client-no-touch', 'CLIENT NO-TOUCH ON', '+OK\r\n'),
    differs('client-no-touch', 'CLIENT NO-TOUCH off', '+OK\r\n'),
    differs('client-no-touch', 'CLIENT NO-TOUCH x', '-ERR syntax error\r\n'),
    differs('client-setinfo', 'CLIENT SETINFO LIB-NAME mylib', '+OK\r\n'),
    differs('client-setinfo', 'CLIENT SETINFO lib-ver 1.2', '+OK\r\n'),
    differs('client-setinfo', ['CLIENT', 'SETINFO', 'lib-ver', ''], '+OK\r\n'),
    differs(
      'client-setinfo',
      ['CLIENT', 'SETINFO', 'lib-name', 'a b'],
      '-ERR lib-name cannot contain spaces, newlines or special characters.\r\n',
    ),
    differs('client-setinfo', 'CLIENT SETINFO nosuch x', "-ERR Unrecognized option 'nosuch'\r\n"),
  ])

  script('CLIENT LIST', [
    on('b', 'CLIENT SETNAME bob'),
    on('b', 'SELECT 3'),
    clientFields('CLIENT LIST'),
    clientFields('CLIENT LIST TYPE normal'),
    'CLIENT LIST TYPE master',
    'CLIENT LIST TYPE replica',
    'CLIENT LIST TYPE slave',
    'CLIENT LIST TYPE pubsub',
    'CLIENT LIST TYPE nosuch',
    'CLIENT LIST TYPE',
    'CLIENT LIST ID',
    'CLIENT LIST ID 999999',
    'CLIENT LIST ID 999999 888888',
    'CLIENT LIST ID x',
    'CLIENT LIST ID 1 x',
    'CLIENT LIST ID -1',
    'CLIENT LIST ID 0',
    'CLIENT LIST nosuch',
    'CLIENT LIST nosuch x',
  ])

  script('CLIENT KILL', [
    'CLIENT KILL 1.2.3.4:5',
    'CLIENT KILL nosuch',
    'CLIENT KILL ID 999999',
    'CLIENT KILL ID x',
    'CLIENT KILL ID 0',
    'CLIENT KILL ID -1',
    'CLIENT KILL ADDR 1.2.3.4:5',
    'CLIENT KILL LADDR 1.2.3.4:5',
    'CLIENT KILL USER nobody',
    'CLIENT KILL TYPE nosuch',
    'CLIENT KILL TYPE pubsub',
    'CLIENT KILL TYPE master',
    'CLIENT KILL SKIPME x',
    'CLIENT KILL SKIPME yes ID 999999',
    'CLIENT KILL ID',
    'CLIENT KILL ID 1 ADDR',
    'CLIENT KILL nosuch x',
    'CLIENT KILL ID 999999 nosuch x',
    on('b', 'PING'),
    varies('CLIENT KILL USER default', 'connections of earlier scripts may still be there'),
    closed('b'),
    varies('CLIENT KILL USER default SKIPME no', 'as above'),
    closed(),
  ])

  script('CLIENT PAUSE and UNPAUSE', [
    'CLIENT PAUSE x',
    'CLIENT PAUSE -1',
    'CLIENT PAUSE 1.5',
    'CLIENT PAUSE 100 nosuch',
    'CLIENT PAUSE 99999999999999999999',
    'CLIENT UNPAUSE',
    'CLIENT PAUSE 60000 WRITE',
    on('b', 'GET k'),
    on('b', send('SET k v')),
    on('b', send('GET k')),
    wait(20),
    'GET k',
    'CLIENT UNPAUSE',
    read('b', 2),
    'GET k',
    'CLIENT PAUSE 100 ALL',
    on('b', send('PING')),
    read('b'),
    'CLIENT PAUSE 100',
    on('b', send('SET k w')),
    read('b'),
    'GET k',
  ])

  script('CLIENT UNBLOCK', [
    'CLIENT UNBLOCK 999999',
    'CLIENT UNBLOCK 999999 TIMEOUT',
    'CLIENT UNBLOCK 999999 ERROR',
    'CLIENT UNBLOCK 999999 nosuch',
    'CLIENT UNBLOCK x',
    'CLIENT UNBLOCK 1 TIMEOUT x',
  ])

  script('COMMAND', [
    varies('COMMAND COUNT', 'we have a part of the commands'),
    'COMMAND INFO nosuch',
    'COMMAND INFO nosuch|x',
    'COMMAND INFO config|nosuch',
    'COMMAND DOCS nosuch',
    unordered('COMMAND LIST FILTERBY PATTERN getr*', 'hash order'),
    unordered('COMMAND LIST FILTERBY PATTERN INCR*', 'hash order'),
    'COMMAND LIST FILTERBY PATTERN nosuch*',
    'COMMAND LIST FILTERBY ACLCAT nosuch',
    'COMMAND LIST FILTERBY MODULE nosuch',
    'COMMAND LIST FILTERBY nosuch x',
    'COMMAND LIST FILTERBY',
    'COMMAND LIST x',
    'COMMAND GETKEYS GET k',
    'COMMAND GETKEYS get k',
    'COMMAND GETKEYS MSET a 1 b 2 c 3',
    'COMMAND GETKEYS MGET a b c',
    'COMMAND GETKEYS SET k v EX 10',
    'COMMAND GETKEYS DEL a b',
    'COMMAND GETKEYS RENAME a b',
    'COMMAND GETKEYS LMOVE a b LEFT RIGHT',
    'COMMAND GETKEYS LMPOP 2 a b LEFT',
    'COMMAND GETKEYS LMPOP 3 a b LEFT',
    'COMMAND GETKEYS LMPOP 0 a b LEFT',
    'COMMAND GETKEYS LMPOP x a b LEFT',
    'COMMAND GETKEYS SORT a BY b STORE c',
    'COMMAND GETKEYS SORT a STORE b STORE c',
    'COMMAND GETKEYS SORT_RO a BY w_* GET x_*',
    'COMMAND GETKEYS BITOP AND d a b',
    'COMMAND GETKEYS OBJECT ENCODING k',
    'COMMAND GETKEYS PING',
    'COMMAND GETKEYS GET',
    'COMMAND GETKEYS GET a b',
    'COMMAND GETKEYS nosuch a',
    'COMMAND GETKEYS CONFIG GET x',
    'COMMAND GETKEYS config nosuch',
    'COMMAND GETKEYSANDFLAGS SET k v',
    'COMMAND GETKEYSANDFLAGS SET k v GET',
    'COMMAND GETKEYSANDFLAGS GET k',
    'COMMAND GETKEYSANDFLAGS RENAME a b',
    'COMMAND GETKEYSANDFLAGS MSET a 1 b 2',
    'COMMAND GETKEYSANDFLAGS SORT a STORE c',
    'COMMAND GETKEYSANDFLAGS LMOVE a b LEFT RIGHT',
    'COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0',
    'COMMAND GETKEYSANDFLAGS BITFIELD k SET u8 0 1',
    'COMMAND GETKEYSANDFLAGS PING',
    'COMMAND HELP',
    'COMMAND HELP x',
  ])

  script('CONFIG GET', [
    'CONFIG GET port-nosuch',
    'CONFIG GET maxmemory',
    'CONFIG GET MaxMemory',
    configGet('list-*'),
    configGet('maxmemory', 'maxmemory*'),
    configGet('hz', 'timeout', 'nosuch', 'databases'),
    configGet('*list*-size', '*max-ziplist-entries', 'save'),
    configGet('[ht]*z'),
    configGet('client-output-buffer-limit'),
    'CONFIG RESETSTAT',
  ])

  script('CONFIG SET', [
    'CONFIG SET nosuch 1',
    'CONFIG SET hz',
    'CONFIG SET hz 10 timeout',
    'CONFIG SET hz 10 nosuch 1',
    'CONFIG SET hz x',
    'CONFIG SET hz 0',
    'CONFIG GET hz',
    'CONFIG SET hz 501',
    'CONFIG GET hz',
    'CONFIG SET hz 99999999999999999999',
    'CONFIG SET hz 10 HZ 20',
    'CONFIG SET hz 20 timeout x',
    'CONFIG GET hz',
    'CONFIG SET hz 20 timeout 100',
    configGet('hz', 'timeout'),
    'CONFIG SET hz 10 timeout 0',
    'CONFIG SET timeout -1',
    'CONFIG SET client-query-buffer-limit 100mb',
    'CONFIG GET client-query-buffer-limit',
    'CONFIG SET maxmemory 1x',
    'CONFIG SET maxmemory -1',
    'CONFIG SET client-query-buffer-limit 1Gb',
    'CONFIG GET client-query-buffer-limit',
    'CONFIG SET client-query-buffer-limit 1',
    'CONFIG SET maxmemory 0',
    'CONFIG SET maxmemory-policy nosuch',
    'CONFIG SET maxmemory-policy allkeys-lru',
    'CONFIG GET maxmemory-policy',
    'CONFIG SET maxmemory-policy noeviction',
    'CONFIG SET list-max-ziplist-size 64',
    'CONFIG GET list-max-listpack-size',
    'CONFIG SET list-max-listpack-size 5 list-max-ziplist-size 6',
    'CONFIG SET list-max-listpack-size -2',
    'CONFIG SET list-compress-depth -1',
    'CONFIG SET databases 4',
    'CONFIG SET daemonize yes',
    'CONFIG SET enable-debug-command no',
    differs(
      'loglevel-nothing',
      'CONFIG SET loglevel nosuch',
      "-ERR CONFIG SET failed (possibly related to argument 'loglevel') - argument(s) must be one of the following: debug, verbose, notice, warning, nothing\r\n",
    ),
    'CONFIG SET loglevel verbose',
    'CONFIG GET loglevel',
    'CONFIG SET loglevel notice',
    'CONFIG SET proto-max-bulk-len 1',
    'CONFIG SET tcp-keepalive 2147483648',
    'CONFIG SET lazyfree-lazy-expire maybe',
    'CONFIG SET lazyfree-lazy-expire YES',
    'CONFIG GET lazyfree-lazy-expire',
    'CONFIG SET lazyfree-lazy-expire no',
    'CONFIG SET client-output-buffer-limit x',
    ['CONFIG', 'SET', 'client-output-buffer-limit', 'nosuch 0 0 0'],
    ['CONFIG', 'SET', 'save', 'x'],
    ['CONFIG', 'SET', 'save', '1'],
    ['CONFIG', 'SET', 'save', ''],
    'CONFIG SET maxclients 0',
    'CONFIG SET active-expire-effort 11',
  ])

  script('CONFIG SET client-output-buffer-limit', [
    ['CONFIG', 'SET', 'client-output-buffer-limit', 'normal 1mb 512k 60'],
    configGet('client-output-buffer-limit'),
    ['CONFIG', 'SET', 'client-output-buffer-limit', 'normal 0 0 0'],
    configGet('client-output-buffer-limit'),
  ])

  script('DEBUG', [
    'DEBUG SLEEP 0',
    'DEBUG SET-ACTIVE-EXPIRE 1',
    'DEBUG OBJECT nokey',
    'DEBUG POPULATE 3',
    'DEBUG POPULATE 3 other',
    'DEBUG POPULATE 2 sized 20',
    'DEBUG POPULATE x',
    unordered('KEYS *', 'hash order'),
    'MGET key:0 key:2 other:1 sized:1',
    'DEBUG DIGEST-VALUE key:0 nokey',
    'DEBUG DIGEST',
    'RPUSH l a b c',
    'EXPIREAT key:1 33177117420',
    'DEBUG DIGEST-VALUE l key:1',
    'DEBUG DIGEST',
    'DEBUG LOG hello',
    'DEBUG PAUSE-CRON 1',
    'DEBUG PAUSE-CRON 0',
    'DEBUG CHANGE-REPL-ID',
    'DEBUG HTSTATS x',
    'DEBUG HTSTATS 99',
    'DEBUG PROTOCOL string',
    'DEBUG PROTOCOL integer',
    'DEBUG PROTOCOL double',
    'DEBUG PROTOCOL bignum',
    'DEBUG PROTOCOL null',
    'DEBUG PROTOCOL array',
    'DEBUG PROTOCOL set',
    'DEBUG PROTOCOL map',
    'DEBUG PROTOCOL attrib',
    'DEBUG PROTOCOL verbatim',
    'DEBUG PROTOCOL true',
    'DEBUG PROTOCOL false',
    'DEBUG PROTOCOL nosuch',
    masked(
      'DEBUG OBJECT key:0',
      /(?<=at:)\S+|(?<=lru:|lru_seconds_idle:|serializedlength:)\d+/,
      'an address, times, and the size in an RDB file',
    ),
  ])
  script('DEBUG PROTOCOL push', [frames(1, 'DEBUG PROTOCOL push')])

  test.each(['CLIENT', 'CONFIG', 'OBJECT'])('%s HELP has every line of the oracle', async (container) => {
    const [theirs, ours] = await linesOfBoth(pair(), container, 'HELP')
    expect(ours.length).toBeGreaterThan(5)
    expect(theirs.slice(1).filter((line) => !ours.includes(line))).toEqual([])
  })

  test('CLIENT KILL by id, and one that kills itself', async () => {
    for (const { port } of [pair().oracle, pair().respite]) {
      const [killer, victim] = [await RawClient.open(port), await RawClient.open(port)]
      const id = (await victim.call('CLIENT', 'ID')).toString().slice(1, -2)
      expect((await killer.call('CLIENT', 'KILL', 'ID', id)).toString()).toBe(':1\r\n')
      expect((await victim.closed()).length).toBe(0)
      const own = (await killer.call('CLIENT', 'ID')).toString().slice(1, -2)
      expect((await killer.call('CLIENT', 'KILL', 'ID', own)).toString()).toBe(':0\r\n')
      expect((await killer.call('CLIENT', 'KILL', 'ID', own, 'SKIPME', 'no')).toString()).toBe(':1\r\n')
      expect((await killer.closed()).length).toBe(0)
    }
  })

  test('CLIENT LIST names the fields of the oracle, in its order', async () => {
    const [theirs, ours] = await Promise.all([
      clientFieldNames(pair().oracle.port),
      clientFieldNames(pair().respite.port),
    ])
    // 7.2 added these two at the end
    expect(ours.filter((field) => field !== 'lib-name' && field !== 'lib-ver')).toEqual(theirs)
  })

  test('CONFIG GET * names every directive of the oracle with the same default', async () => {
    const [theirs, ours] = await Promise.all([
      directives(pair().oracle.port),
      directives(pair().respite.port),
    ])
    for (const name of OWN_VALUES) {
      theirs.delete(name)
      ours.delete(name)
    }
    expect(Object.fromEntries([...ours].filter(([name]) => theirs.has(name)))).toEqual(
      Object.fromEntries(theirs),
    )
  })

  test('INFO has the sections and fields of the oracle', async () => {
    const [theirs, ours] = await Promise.all([
      infoFields(pair().oracle.port, 'everything'),
      infoFields(pair().respite.port, 'everything'),
    ])
    const missing: string[] = []
    for (const [section, fields] of theirs) {
      const our = ours.get(section)
      if (our === undefined) missing.push(...[`# ${section}`].filter((title) => isOurs(title.slice(2))))
      else missing.push(...fields.filter((field) => !our.includes(field) && isOurs(field)))
    }
    expect(missing).toEqual([])
  })

  const infos = ['', 'default', 'all', 'server', 'SERVER clients', 'nosuch', 'keyspace nosuch']
  test.each(infos)('INFO %s: the sections of the oracle, in its order', async (line) => {
    const names = splitArguments(line)
    const [theirs, ours] = await Promise.all([
      infoFields(pair().oracle.port, ...names),
      infoFields(pair().respite.port, ...names),
    ])
    // our own version and figures have sections of their own
    expect([...ours.keys()].filter((section) => section !== 'Respite' && section !== 'Artifacts')).toEqual(
      [...theirs.keys()].filter(isOurs),
    )
  })
})

/** Directives whose value is each server's own. */
const OWN_VALUES = ['port', 'dir', 'bind', 'logfile', 'pidfile', 'enable-debug-command', 'maxclients']

/** INFO fields that tell of what we have not, or not yet; the reason beside each. */
const NOT_OURS: readonly (readonly [RegExp, string])[] = [
  [/^redis_(?:git|build)|^atomicvar_api$|^gcc_version$|^monotonic_clock$/, "Redis's own build"],
  [/lua|_vm_|scripts|^number_of_(?:functions|libraries)$|^used_memory_functions$/, 'scripts and functions'],
  [/^allocator_|^rss_overhead_|defrag/, 'jemalloc, which the arena stands in for'],
  [/_cow_|fork/, 'we never fork'],
  [/^io_threaded_|^reply_buffer_/, 'I/O threads and reply buffers of their own size'],
  [
    /^mem_(?:replication|total_replication|clients_slaves|cluster|aof)|_repl_|^slave_/,
    'replication, cluster, AOF',
  ],
  [/^(?:current_save|aof_rewrites)|^dump_payload/, 'persistence'],
  [/eviction_exceeded_time$|^mem_not_counted_for_evict$/, 'eviction'],
  [/_main_thread$/, 'CPU of one thread, which Node does not tell'],
  [/^cmdstat_|^errorstat_|^latency_percentiles_/, 'what this run happened to call'],
]
const isOurs = (field: string): boolean => !NOT_OURS.some(([pattern]) => pattern.test(field))

async function textOf(port: number, ...command: Argument[]): Promise<string> {
  const client = await RawClient.open(port)
  try {
    return (await client.call(...command)).toString('latin1')
  } finally {
    client.close()
  }
}

async function clientFieldNames(port: number): Promise<string[]> {
  return [...(await textOf(port, 'CLIENT', 'INFO')).matchAll(/([a-z-]+)=/g)].map((match) => match[1])
}

async function linesOfBoth(pair: Pair, ...command: string[]): Promise<[string[], string[]]> {
  const [theirs, ours] = await Promise.all([
    textOf(pair.oracle.port, ...command),
    textOf(pair.respite.port, ...command),
  ])
  return [theirs.split('\r\n').slice(1), ours.split('\r\n').slice(1)]
}

async function directives(port: number): Promise<Map<string, string>> {
  const parts = (await textOf(port, 'CONFIG', 'GET', '*')).split('\r\n').slice(1)
  const map = new Map<string, string>()
  for (let i = 0; i + 3 < parts.length; i += 4) map.set(parts[i + 1], parts[i + 3])
  return map
}

/** Section → its field names, for the sections INFO shows, in order. */
async function infoFields(port: number, ...names: string[]): Promise<Map<string, string[]>> {
  const sections = new Map<string, string[]>()
  let fields: string[] = []
  for (const line of (await textOf(port, 'INFO', ...names)).split('\r\n').slice(1)) {
    if (line.startsWith('# ')) sections.set(line.slice(2), (fields = []))
    else if (line.includes(':')) fields.push(line.slice(0, line.indexOf(':')))
  }
  return sections
}
