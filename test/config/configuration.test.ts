/** Tests of CONFIG GET and CONFIG SET without a server: value forms, refusals, all or nothing, listeners. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/config/config-error.ts'
import { Configuration, settingsWith } from '../../src/config/configuration.ts'
import { DIRECTIVE_NAMES, DIRECTIVES } from '../../src/config/directives.ts'
import { settingName } from '../../src/config/settings.ts'

const startsWith = (pattern: string, name: string): boolean =>
  name.startsWith(pattern.toLowerCase().replace(/\*$/, ''))

const get = (configuration: Configuration, ...patterns: string[]): [string, string][] =>
  configuration.get(patterns, startsWith)

function refusal(run: () => void): string {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'accepted'
}

const setting = (name: string, text: string, configuration = new Configuration()): string =>
  refusal(() => configuration.set([[name, text]], false))

const failure = (name: string, reason: string): string =>
  `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`

describe('Settings', () => {
  test('hold typed defaults under camel case names', () => {
    const { settings } = new Configuration()
    expect(settings.port).toBe(6379)
    expect(settings.listMaxListpackSize).toBe(-2)
    expect(settings.protectedMode).toBe(true)
    expect(settings.maxmemoryPolicy).toBe('noeviction')
    expect(settings.bind).toEqual(['*', '-::*'])
    expect(settings.clientQueryBufferLimit).toBe(2 ** 30)
    expect(settings.serverCpulist).toBe('')
    expect(settings.save[0]).toEqual({ seconds: 3600, changes: 1 })
    expect(settings.clientOutputBufferLimit.replica).toEqual({
      hardBytes: 256 * 2 ** 20,
      softBytes: 64 * 2 ** 20,
      softSeconds: 60,
    })
    expect(settings.dir).toBe(process.cwd())
  })

  test('every directive has its own property', () => {
    expect(new Set(DIRECTIVE_NAMES.map(settingName)).size).toBe(DIRECTIVE_NAMES.length)
  })

  test('are an object V8 reads by offset, before and after CONFIG SET', () => {
    setFlagsFromString('--allow-natives-syntax')
    // oxlint-disable-next-line typescript/no-implied-eval -- the only way to ask V8
    const isFast = new Function('object', 'return %HasFastProperties(object)') as (object: unknown) => boolean
    const configuration = new Configuration()
    expect(isFast(configuration.settings)).toBe(true)
    configuration.set([['hz', '20']], false)
    expect(isFast(configuration.settings)).toBe(true)
    expect(isFast(settingsWith({ hz: 5 }))).toBe(true)
  })

  test('belong to one configuration', () => {
    const one = new Configuration()
    const other = new Configuration()
    one.set([['timeout', '7']], false)
    expect([one.settings.timeout, other.settings.timeout]).toEqual([7, 0])
  })

  test('can be given as texts', () => {
    const { settings } = new Configuration({ port: '0', save: '', bind: '127.0.0.1 -::1' })
    expect([settings.port, settings.save, settings.bind]).toEqual([0, [], ['127.0.0.1', '-::1']])
    expect(refusal(() => new Configuration({ port: 'x' }))).toBe(
      "port: argument couldn't be parsed into an integer",
    )
  })
})

describe('get', () => {
  test('a pattern lists names and aliases; a plain name may be hidden and keeps its case', () => {
    const configuration = new Configuration()
    expect(get(configuration, 'list-max*')).toEqual([
      ['list-max-listpack-size', '-2'],
      ['list-max-ziplist-size', '-2'],
    ])
    expect(get(configuration, 'WATCHDOG-period')).toEqual([['WATCHDOG-period', '0']])
    expect(get(configuration, 'watchdog*')).toEqual([])
    expect(get(configuration, 'nope', 'HZ', 'hz', 'hz*')).toEqual([['HZ', '10']])
  })

  test.each([
    ['client-output-buffer-limit', 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60'],
    ['save', '3600 1 300 100 60 10000'],
    ['latency-tracking-info-percentiles', '50 99 99.9'],
    ['auto-aof-rewrite-min-size', '67108864'],
    ['shutdown-on-sigint', 'default'],
    ['replicaof', ''],
  ])('%s is %j', (name, text) => {
    expect(get(new Configuration(), name)).toEqual([[name, text]])
  })
})

describe('set', () => {
  test.each([
    ['activerehashing', 'NO', 'no'],
    ['loglevel', 'DEBUG', 'debug'],
    ['loglevel', 'nothing', 'nothing'],
    ['client-query-buffer-limit', '1100k', '1100000'],
    ['client-query-buffer-limit', '1100kb', '1126400'],
    ['client-query-buffer-limit', '2m', '2000000'],
    ['client-query-buffer-limit', '2MB', '2097152'],
    ['client-query-buffer-limit', '1g', '1000000000'],
    ['client-query-buffer-limit', '9223372036854775807', '9223372036854775807'],
    ['hz', '0', '1'],
    ['hz', '1000', '500'],
    ['lua-time-limit', '9223372036854775807', '9223372036854775807'],
    ['list-max-ziplist-size', '-5', '-5'],
    ['bind', '-1.2.3.4 127.0.0.1', '-1.2.3.4 127.0.0.1'],
    ['bind', '', ''],
    ['proc-title-template', '{title} {{x}', '{title} {{x}'],
    ['requirepass', 'a b', 'a b'],
    ['save', '', ''],
  ])('%s %j shows as %j', (name, given, shown) => {
    const configuration = new Configuration()
    expect(setting(name, given, configuration)).toBe('accepted')
    expect(get(configuration, name)).toEqual([[name, shown]])
  })

  test.each([
    ['tls-cluster', 'no'],
    ['stream-node-max-bytes', '4kb'],
    ['slowlog-max-len', '128'],
    ['auto-aof-rewrite-min-size', '65536kb'],
  ])('what is not supported is accepted where it asks for nothing: %s %j', (name, text) => {
    expect(setting(name, text)).toBe('accepted')
  })

  test.each([
    ['cluster-require-full-coverage', 'no', "only 'yes' is accepted"],
    ['slave-priority', '5', "only '100' is accepted"],
  ])('and refused by name at another value: %s %j', (name, text, accepted) => {
    const main = name === 'slave-priority' ? 'replica-priority' : name
    expect(setting(name, text)).toBe(failure(name, `${main} is not supported: ${accepted}`))
  })

  test('is all or nothing', () => {
    const configuration = new Configuration()
    const pairs = [
      ['hz', '33'],
      ['timeout', 'x'],
    ] as const
    expect(refusal(() => configuration.set(pairs, false))).toContain("'timeout'")
    expect(configuration.settings.hz).toBe(10)
    expect(configuration.text('hz')).toBe('10')
  })

  test('guarded directives need leave', () => {
    const configuration = new Configuration()
    expect(setting('dir', '/', configuration)).toBe(failure('dir', "can't set protected config"))
    configuration.set([['dir', '/']], true)
    expect(configuration.settings.dir).toBe('/')
    expect(configuration.path('pidfile')).toBe('')
  })

  test('dir is resolved, checked, and what other paths start from', () => {
    const directory = mkdtempSync(join(tmpdir(), 'respite-config-'))
    writeFileSync(join(directory, 'file'), '')
    const configuration = new Configuration({ dir: directory, pidfile: 'x.pid', logfile: '/abs.log' })
    expect(configuration.path('pidfile')).toBe(join(directory, 'x.pid'))
    expect(configuration.path('logfile')).toBe('/abs.log')
    const set = (text: string): string => refusal(() => configuration.set([['dir', text]], true))
    expect(set('nowhere')).toBe(failure('dir', 'No such file or directory'))
    expect(set('file')).toBe(failure('dir', 'Not a directory'))
    expect(set('..')).toBe('accepted')
    expect(configuration.settings.dir).toBe(join(directory, '..'))
  })
})

describe('onChange', () => {
  test('is told of changes only, with both values, until it ends', () => {
    const configuration = new Configuration()
    const told: unknown[] = []
    const end = configuration.onChange('hz', (value, previous) => {
      told.push([value, previous])
      return undefined
    })
    configuration.set([['hz', '10']], false)
    configuration.set(
      [
        ['hz', '20'],
        ['timeout', '5'],
      ],
      false,
    )
    end()
    configuration.set([['hz', '30']], false)
    expect(told).toEqual([[20, 10]])
  })

  test('a refusal takes everything back, also from those told before', () => {
    const configuration = new Configuration()
    const told: unknown[] = []
    configuration.onChange('hz', (value) => {
      told.push(['hz', value, configuration.settings.timeout])
      return undefined
    })
    configuration.onChange('port', (value) => {
      told.push(['port', value])
      return value === 1 ? 'Unable to listen on this port. Check server logs.' : undefined
    })
    const pairs = [
      ['hz', '20'],
      ['PORT', '1'],
      ['timeout', '5'],
    ] as const
    expect(refusal(() => configuration.set(pairs, false))).toBe(
      failure('PORT', 'Unable to listen on this port. Check server logs.'),
    )
    expect(told).toEqual([
      ['hz', 20, 5],
      ['port', 1],
      ['port', 6379],
      ['hz', 10, 0],
    ])
    expect([configuration.settings.hz, configuration.settings.port]).toEqual([10, 6379])
    expect([configuration.text('hz'), configuration.text('timeout')]).toEqual(['10', '0'])
  })
})

describe('the directive tables', () => {
  test('name each directive once, in lower case, aliases included', () => {
    const names = DIRECTIVE_NAMES.flatMap((name) => [name, DIRECTIVES[name].alias ?? []].flat())
    expect(new Set(names).size).toBe(names.length)
    expect(names.filter((name) => !/^[a-z][a-z_-]*$/.test(name))).toEqual([])
  })
})
