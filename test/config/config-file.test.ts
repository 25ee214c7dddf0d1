/** Tests of redis.conf's syntax: comments, quoting, repeated lines, includes, and errors that say where. */
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/config/config-error.ts'
import { ConfigLoader } from '../../src/config/config-file.ts'
import { Configuration } from '../../src/config/configuration.ts'
import type { DirectiveName } from '../../src/config/directives.ts'
import { startupWarnings } from '../../src/config/startup-warnings.ts'

function loaded(text: string | Uint8Array, configuration = new Configuration()): ConfigLoader {
  const loader = new ConfigLoader(configuration)
  loader.text(Buffer.from(text as string), 'test.conf')
  loader.finish()
  return loader
}

const shown = (text: string, name: DirectiveName): string => loaded(text).configuration.text(name)

function refusal(run: () => unknown): ConfigError {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('it was accepted')
}

/** A directory holding these files. */
function directoryOf(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'respite-config-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, '..'), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  return directory
}

describe('lines', () => {
  test('comments, blank lines, space, line ends and case', () => {
    const { configuration } = loaded('# port 1\n\n \t\r\n  PORT\t 7000 \r\n\t# x\nhz 20')
    expect([configuration.settings.port, configuration.settings.hz]).toEqual([7000, 20])
  })

  test.each([
    ['bind 127.0.0.1 -::1', 'bind', '127.0.0.1 -::1'],
    ['bind "127.0.0.1 ::1"', 'bind', '127.0.0.1 ::1'],
    ['bind', 'bind', ''],
    ['bind ""', 'bind', ''],
    ['requirepass "a\\x41\\n\\"b"', 'requirepass', 'aA\n"b'],
    ["requirepass 'a\\x41\\'b'", 'requirepass', "a\\x41'b"],
    ['requirepass z\nrequirepass y', 'requirepass', 'y'],
    ['save ""', 'save', ''],
    ['save', 'save', ''],
    ['save 3600 1\nsave 300 100\nsave 60 10000', 'save', '3600 1 300 100 60 10000'],
    ['save 3600 1\nsave ""', 'save', ''],
    [
      'client-output-buffer-limit slave 256mb 64mb 60',
      'client-output-buffer-limit',
      'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
    ],
    ['unixsocketperm 700', 'unixsocketperm', '700'],
    ['shutdown-on-sigint default', 'shutdown-on-sigint', 'default'],
    ['replicaof no one', 'replicaof', ''],
  ] as const)('%j', (text, name, expected) => {
    expect(shown(text, name)).toBe(expected)
  })

  test('unixsocketperm is octal', () => {
    expect(loaded('unixsocketperm 770').configuration.settings.unixsocketperm).toBe(0o770)
  })

  test('what is not supported may stand if a later line lifts it', () => {
    expect(shown('appendonly yes\nappendonly no', 'appendonly')).toBe('no')
    expect(shown('save 900 1\nsave ""', 'save')).toBe('')
  })

  test('what Redis 7 ignores is taken with a warning', () => {
    expect(loaded('list-max-ziplist-entries 5\nport 1').warnings).toEqual([
      'list-max-ziplist-entries has had no effect since Redis 7 and is ignored',
    ])
  })
})

describe('errors', () => {
  test.each([
    ['port 0\nnonsense 1\n', 2, 'nonsense …', 'Bad directive or wrong number of arguments'],
    ['port', 1, 'port', 'wrong number of arguments'],
    ['port 1 2', 1, 'port 1 2', 'wrong number of arguments'],
    ['\n\n  port abc  \n', 3, 'port abc', "argument couldn't be parsed into an integer"],
    ['hz 10 # ten', 1, 'hz 10 # ten', 'wrong number of arguments'],
    ['bind "127', 1, 'bind "127', 'Unbalanced quotes in configuration line'],
    ['bind "1"x', 1, 'bind "1"x', 'Unbalanced quotes in configuration line'],
    ['unixsocketperm 999', 1, 'unixsocketperm 999', "argument couldn't be parsed as an octal number"],
    ['unixsocketperm 1000', 1, 'unixsocketperm 1000', 'argument must be between 0 and 777 inclusive'],
    ['dir /no/where', 1, 'dir /no/where', 'No such file or directory'],
    ['dbfilename a/b', 1, 'dbfilename a/b', "dbfilename can't be a path, just a filename"],
    ['save 1', 1, 'save 1', 'Invalid save parameters'],
    ['replicaof a', 1, 'replicaof a', 'wrong number of arguments'],
    ['user', 1, 'user', 'Bad directive or wrong number of arguments'],
    ['requirepass "a', 1, 'requirepass …', 'Unbalanced quotes in configuration line'],
    ['user a >x "b', 1, 'user a …', 'Unbalanced quotes in configuration line'],
    ['rename-command GET', 1, 'rename-command …', 'Bad directive or wrong number of arguments'],
    ['loadmodule /x.so', 1, 'loadmodule /x.so', 'loadmodule is not supported'],
    ['requirepas secret', 1, 'requirepas …', 'Bad directive or wrong number of arguments'],
    ['"requirepass" secret x', 1, '"requirepass" …', 'wrong number of arguments'],
    ['masteruser a b', 1, 'masteruser …', 'wrong number of arguments'],
    ['loadmodule /x.so secret', 1, 'loadmodule /x.so …', 'loadmodule is not supported'],
    ['sentinel x', 1, 'sentinel …', 'sentinel directive while not in sentinel mode'],
    [
      'cluster-enabled yes',
      1,
      'cluster-enabled yes',
      "cluster-enabled is not supported: only 'no' is accepted",
    ],
    ['replicaof h 1', 1, 'replicaof h 1', "replicaof is not supported: only '' or 'no one' is accepted"],
    [
      'cluster-enabled yes',
      1,
      'cluster-enabled yes',
      "cluster-enabled is not supported: only 'no' is accepted",
    ],
    ['io-threads 4', 1, 'io-threads 4', "io-threads is not supported: only '1' is accepted"],
    ['tls-cluster yes', 1, 'tls-cluster yes', "tls-cluster is not supported: only 'no' is accepted"],
    [
      '\nset-max-intset-entries 5\nport 1',
      2,
      'set-max-intset-entries 5',
      "set-max-intset-entries is not supported: only '512' is accepted",
    ],
    ['syslog-enabled yes', 1, 'syslog-enabled yes', "syslog-enabled is not supported: only 'no' is accepted"],
  ])('%j', (text, line, shownLine, reason) => {
    const error = refusal(() => loaded(text))
    expect(error.message).toBe(reason)
    expect(error.place).toEqual({ origin: 'test.conf', line, text: shownLine })
  })

  test('bytes that are not UTF-8 are refused, not changed', () => {
    const bytes = Buffer.concat([Buffer.from('requirepass '), Buffer.from([0xff])])
    expect(refusal(() => loaded(bytes)).message).toBe('Values have to be valid UTF-8')
    expect(shown('requirepass é', 'requirepass')).toBe('é')
  })

  test('random text is accepted or refused, never anything else', () => {
    const word = fc.constantFrom('port', 'save', 'bind', '"', "'", '\\x', '1', '', '\n', ' ', '\0', 'mb', '%')
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        try {
          loaded(words.join(' '))
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
      }),
    )
  })
})

describe('include', () => {
  test('takes files in place, by pattern in order, later lines winning', () => {
    const directory = directoryOf({
      'main.conf': 'hz 1\ninclude conf.d/*.conf\ninclude none/*.conf\nmaxclients 5\n',
      'conf.d/b.conf': 'hz 30\ntimeout 3\n',
      'conf.d/a.conf': 'hz 20\nport 7000\nmaxclients 9\n',
      'conf.d/.hidden.conf': 'nonsense\n',
      'conf.d/c.txt': 'nonsense\n',
    })
    const loader = new ConfigLoader(new Configuration({ dir: directory }))
    loader.file(join(directory, 'main.conf'))
    const { hz, timeout, port, maxclients } = loader.configuration.settings
    expect([hz, timeout, port, maxclients]).toEqual([30, 3, 7000, 5])
  })

  test.each([
    ['a?.conf', 3],
    ['a[12].conf', 3],
    ['a[!1].conf', 2],
    ['a[1-1].conf', 1],
    ['*/x.conf', 4],
    ['[a]1.con[e-g]', 1],
  ])('pattern %s', (pattern, timeout) => {
    const directory = directoryOf({
      'a1.conf': 'timeout 1',
      'a2.conf': 'timeout 2',
      'a22.conf': 'nonsense',
      'ax.conf': 'timeout 3',
      'sub/x.conf': 'timeout 4',
    })
    if (pattern === 'a[!1].conf' || pattern === 'a[12].conf') writeFileSync(join(directory, 'ax.conf'), '')
    const loader = loaded(`include ${pattern}`, new Configuration({ dir: directory }))
    expect(loader.configuration.settings.timeout).toBe(pattern === 'a[12].conf' ? 2 : timeout)
  })

  test('errors name the included file', () => {
    const directory = directoryOf({ 'one.conf': 'hz 1\nbroken\n' })
    const error = refusal(() => loaded(`port 1\ninclude ${directory}/one.conf`))
    expect(error.place).toEqual({ origin: join(directory, 'one.conf'), line: 2, text: 'broken' })
  })

  test('a file that is not there is an error at the include line; the file itself has no line', () => {
    const error = refusal(() => loaded('include /no/such.conf'))
    expect(error.message).toBe("Can't open config file '/no/such.conf': No such file or directory")
    expect(error.place?.line).toBe(1)
    expect(refusal(() => new ConfigLoader(new Configuration()).file('/no/such.conf')).place).toBeNull()
  })

  test('any number of files one after the other is no loop', () => {
    const directory = directoryOf({ 'x.conf': 'hz 3\n' })
    const text = 'include x.conf\n'.repeat(40)
    expect(loaded(text, new Configuration({ dir: directory })).configuration.settings.hz).toBe(3)
  })

  test('a loop ends', () => {
    const directory = directoryOf({ 'loop.conf': 'include loop.conf\n' })
    const error = refusal(() => loaded('include loop.conf', new Configuration({ dir: directory })))
    expect(error.message).toBe('Files include each other more than 32 levels deep')
  })
})

describe('start-up warnings', () => {
  test('say what is accepted and not done', () => {
    expect(startupWarnings(new Configuration({ save: '' }).settings)).toEqual([])
    expect(startupWarnings(new Configuration({ save: '', maxmemory: '1mb' }).settings)).toEqual([])
    const small = new Configuration({ save: '', maxmemory: '100kb' }).settings
    expect(startupWarnings(small)).toEqual([
      expect.stringContaining('less than 1MB (current value is 102400 bytes)'),
    ])
    const warnings = startupWarnings(new Configuration({ daemonize: 'yes' }).settings)
    expect(warnings).toEqual([expect.stringContaining('stays in the foreground')])
  })
})

const DEBIAN = '/etc/redis/redis.conf'

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

describe.skipIf(!isReadable(DEBIAN))("Debian's redis.conf", () => {
  test('is accepted unchanged', () => {
    const { configuration, warnings } = loaded(readFileSync(DEBIAN))
    expect(warnings).toEqual([])
    expect(configuration.settings.bind).toEqual(['127.0.0.1', '-::1'])
    expect(configuration.settings.daemonize).toBe(true)
  })

  // The commented-out directives are Redis's own examples: each must be a directive we know.
  test('names no directive that is unknown, commented ones included', () => {
    const unknown: string[] = []
    for (const line of readFileSync(DEBIAN, 'utf8').split('\n')) {
      const directive = /^# ?([a-z][a-z_-]+[a-z]) (\S+)$/.exec(line)
      if (directive === null || !/[-_]/.test(directive[1])) continue
      try {
        loaded(`${directive[1]} ${directive[2]}`)
      } catch (error) {
        if (String(error).includes('Bad directive')) unknown.push(line)
      }
    }
    expect(unknown).toEqual([])
  })
})
