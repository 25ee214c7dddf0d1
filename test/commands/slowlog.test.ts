/** SLOWLOG at a time that only moves when a command takes some. */
import { expect, test } from 'vitest'
import { LocalConnection } from '../../src/network/local-connection.ts'
import { bulk, type Session, session } from './session.ts'

const QUICK = { 'slowlog-log-slower-than': '1000' }

/** The command takes so many milliseconds from now on, or as many as `millis` says when it has run. */
function takes(s: Session, name: string, millis: number | (() => number)): void {
  const command = s.engine.commands.get(name) as { run: (...given: unknown[]) => void }
  const { run } = command
  command.run = (...given) => {
    run(...given)
    s.clock.advance(typeof millis === 'number' ? millis : millis())
  }
}

/** What each entry logged: its arguments and microseconds, the newest first. */
function logged({ engine }: Session): string[] {
  return engine.slowLog.latest().map(({ args, micros }) => `${args.map(String).join(' ')} ${micros}`)
}

test('entries by the byte', () => {
  const s = session({ config: QUICK })
  takes(s, 'get', 1)
  takes(s, 'ping', 0.999)
  s.run('CLIENT SETNAME me')
  s.run('GET k')
  s.run('PING')
  const entry = `*6\r\n:0\r\n:1700000000\r\n:1000\r\n*2\r\n${bulk('GET')}${bulk('k')}${bulk('127.0.0.1:50000')}${bulk('me')}`
  expect(s.run('SLOWLOG GET')).toBe(`*1\r\n${entry}`)
  expect(s.run('SLOWLOG LEN')).toBe(':1\r\n')
  expect(s.run('SLOWLOG RESET')).toBe('+OK\r\n')
  expect(s.run('SLOWLOG GET')).toBe('*0\r\n')
  s.run('GET k')
  expect(s.run('SLOWLOG GET')).toMatch(/^\*1\r\n\*6\r\n:1\r\n/)
})

test('the newest first, ten unless told otherwise, and no more than slowlog-max-len', () => {
  const s = session({ config: { ...QUICK, 'slowlog-max-len': '12' } })
  takes(s, 'echo', 2)
  for (let i = 0; i < 20; i++) s.run(`ECHO ${i}`)
  expect(s.run('SLOWLOG GET')).toMatch(/^\*10\r\n\*6\r\n:19\r\n/)
  expect(s.run('SLOWLOG GET -1')).toMatch(/^\*12\r\n/)
  expect(s.run('SLOWLOG GET 3')).toMatch(/^\*3\r\n/)
  s.run('CONFIG SET slowlog-max-len 2')
  expect(s.run('SLOWLOG LEN')).toBe(':12\r\n')
  s.run('ECHO 20')
  s.run('CONFIG SET slowlog-log-slower-than -1')
  s.run('ECHO no')
  expect(logged(s)).toEqual(['ECHO 20 2000', 'ECHO 19 2000'])
  s.run('CONFIG SET slowlog-log-slower-than 1000 slowlog-max-len 1000')
  for (let i = 21; i < 30; i++) s.run(`ECHO ${i}`)
  expect(logged(s).at(-1)).toBe('ECHO 19 2000')
  s.run('CONFIG SET slowlog-max-len 0')
  s.run('ECHO no')
  expect(s.run('SLOWLOG LEN')).toBe(':0\r\n')
})

test('long requests are cut short', () => {
  const s = session({ config: QUICK })
  takes(s, 'rpush', 1)
  s.call('RPUSH', 'k', 'x'.repeat(128), 'y'.repeat(130))
  s.call('RPUSH', ...Array.from({ length: 31 }, (_, i) => i))
  s.call('RPUSH', ...Array.from({ length: 40 }, (_, i) => i))
  const [most, full, long] = s.engine.slowLog.latest().map(({ args }) => args.map(String))
  expect(long).toEqual(['RPUSH', 'k', 'x'.repeat(128), `${'y'.repeat(128)}... (2 more bytes)`])
  expect(full).toHaveLength(32)
  expect(full[31]).toBe('30')
  expect(most).toHaveLength(32)
  expect(most[31]).toBe('... (10 more arguments)')
})

test('secrets are not kept, nor EXEC, whose commands are', () => {
  const s = session({ config: { 'slowlog-log-slower-than': '0' } })
  s.run('AUTH secret')
  s.run('CONFIG SET requirepass secret hz 20')
  s.run('CONFIG SET requirepass ')
  s.run('MULTI')
  s.run('SET k v')
  s.run('GET k')
  s.run('EXEC')
  expect(logged(s)).toEqual([
    'GET k 0',
    'SET k v 0',
    'MULTI 0',
    'CONFIG SET requirepass (redacted) 0',
    'CONFIG SET requirepass (redacted) hz 20 0',
    'AUTH (redacted) 0',
  ])
})

test('a blocked command is slow when it is answered slowly, not when it waits long', () => {
  const s = session({ config: QUICK })
  const other = s.another()
  s.run('BLPOP k 0')
  s.clock.advance(5000)
  other.run('RPUSH k v')
  expect(logged(s)).toEqual([])
  const command = s.engine.commands.get('blpop') as { micros: number }
  expect(command.micros).toBe(0)
})

test('in a pipeline the one with the most bytes is the slow one', () => {
  const s = session({ config: QUICK })
  const local = new LocalConnection(s.engine)
  let calls = -1000
  takes(s, 'get', () => (++calls === 5 ? 7 : 0.0001))
  local.call('SET', 'big', 'x'.repeat(5000))
  for (let i = 0; i < 100; i++) local.call('GET', 'small')
  calls = 0
  local.send(
    Buffer.from(['a', 'b', 'c', 'd', 'big', 'e', 'f', 'g', 'h'].map((key) => `GET ${key}\r\n`).join('')),
  )
  expect(logged(s)).toEqual([expect.stringMatching(/^GET big [67]\d\d\d$/)])
  const { latency } = s.engine.commands.get('get') as unknown as { latency: { total: number } }
  expect(latency.total).toBe(109)
})

test('a long pipeline is told apart although its requests are read in pieces', () => {
  const s = session({ config: QUICK })
  const local = new LocalConnection(s.engine)
  let calls = -1000
  takes(s, 'get', () => (++calls === 9 ? 7 : 0.0001))
  local.call('SET', 'big', 'x'.repeat(5000))
  for (let i = 0; i < 100; i++) local.call('GET', 'small')
  calls = 0
  const keys = Array.from({ length: 40 }, (_, i) => (i === 8 ? 'big' : `key:${i}`))
  local.send(Buffer.from(`PING\r\n${keys.map((key) => `GET ${key}\r\n`).join('')}`))
  expect(logged(s)).toEqual([expect.stringMatching(/^GET big /)])
})

test('refusals', () => {
  const s = session()
  const count = '-ERR count should be greater than or equal to -1\r\n'
  expect(s.run('SLOWLOG GET -2')).toBe(count)
  expect(s.run('SLOWLOG GET x')).toBe(count)
  expect(s.run('SLOWLOG GET 1 2')).toBe(
    "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n",
  )
  expect(s.run('SLOWLOG LEN 1')).toBe("-ERR wrong number of arguments for 'slowlog|len' command\r\n")
})
