/** What each command leaves in the command stream, from where the append-only file takes it. */
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/platform/clock.ts'
import { type Session, session } from '../commands/session.ts'

let s: Session
const NOW = 1_700_000_000_000

beforeEach(() => {
  s = session({ clock: new ManualClock(NOW) })
  s.engine.propagation.activate(true)
})

/** The commands since the last call, one per line of words. */
function taken(of: Session = s): string[] {
  const { stream } = of.engine.propagation
  const text = stream.block.bytes.toString('latin1', 0, stream.length)
  stream.clear()
  const lines: string[] = []
  for (let rest = text; rest !== ''; ) {
    const head = /^\*(\d+)\r\n/.exec(rest)
    if (head === null) {
      const end = rest.indexOf('\r\n')
      lines.push(rest.slice(0, end))
      rest = rest.slice(end + 2)
      continue
    }
    rest = rest.slice(head[0].length)
    const words: string[] = []
    for (let i = 0; i < Number(head[1]); i++) {
      const header = /^\$(\d+)\r\n/.exec(rest)
      if (header === null) throw new Error(`no bulk string at ${rest}`)
      const at = header[0].length
      words.push(rest.slice(at, at + Number(header[1])))
      rest = rest.slice(at + Number(header[1]))
      if (!rest.startsWith('\r\n')) throw new Error('no end of line')
      rest = rest.slice(2)
    }
    lines.push(words.join(' '))
  }
  return lines
}

/** What the last of the command lines leaves; the SELECT before the first is left out. */
function left(...lines: string[]): string[] {
  s.run('SET sel 1')
  for (const line of lines.slice(0, -1)) s.run(line)
  taken()
  s.run(lines.at(-1) as string)
  return taken()
}

test('a change is appended as it came, after the SELECT it needs', () => {
  s.run('set k v')
  s.run('Set k w')
  s.run('SELECT 3')
  s.run('RPUSH l a b')
  expect(taken()).toEqual(['SELECT 0', 'set k v', 'Set k w', 'SELECT 3', 'RPUSH l a b'])
})

test('what changes nothing is not appended', () => {
  expect(left('GET sel')).toEqual([])
  expect(left('DEL nokey')).toEqual([])
  expect(left('LPUSHX nokey a')).toEqual([])
  expect(left('SET sel 2 NX')).toEqual([])
  expect(left('LPUSH sel x')).toEqual([])
  expect(left('SORT nokey')).toEqual([])
})

test.each([
  [['SET k v EX 10'], [`SET k v PXAT ${NOW + 10_000}`]],
  [['SET k v PX 10 GET'], [`SET k v PXAT ${NOW + 10}`]],
  [['SET k v GET'], ['SET k v']],
  [['SET k v get NX'], ['SET k v NX']],
  [['SETEX k 10 v'], [`SET k v PXAT ${NOW + 10_000}`]],
  [['PSETEX k 10 v'], [`SET k v PXAT ${NOW + 10}`]],
  [['GETSET k v'], ['SET k v']],
  [['SET k v', 'GETDEL k'], ['DEL k']],
  [['SET k v', 'GETEX k EX 10'], [`PEXPIREAT k ${NOW + 10_000}`]],
  [['SET k v', 'GETEX k PXAT 1'], ['DEL k']],
  [['SET k v EX 9', 'GETEX k PERSIST'], ['PERSIST k']],
  [['SET k 0.1', 'INCRBYFLOAT k 0.2'], ['SET k 0.3 KEEPTTL']],
  [['SET k 1', 'INCR k'], ['INCR k']],
  [['SET k v', 'EXPIRE k 10 NX'], [`PEXPIREAT k ${NOW + 10_000} NX`]],
  [['SET k v', 'EXPIRE k -1'], ['DEL k']],
  [['RPUSH k a b c', 'LMPOP 2 none k LEFT COUNT 2'], ['LPOP k 2']],
  [['RPUSH k a b c', 'BLMPOP 0 1 k RIGHT COUNT 9'], ['RPOP k 3']],
  [['RPUSH k a b', 'BLPOP none k 0'], ['LPOP k']],
  [['RPUSH k a b', 'BRPOP k 0'], ['RPOP k']],
  [['RPUSH k a b', 'BLMOVE k l RIGHT left 0'], ['LMOVE k l RIGHT left']],
  [['RPUSH k a b', 'BRPOPLPUSH k l 0'], ['RPOPLPUSH k l']],
  [['FLUSHDB'], ['FLUSHDB']],
  [['FLUSHALL', 'FLUSHALL async'], ['FLUSHALL async']],
  [['RPUSH k b a', 'SORT k ALPHA STORE l'], ['SORT k ALPHA STORE l']],
])('%j is appended as %j', (lines, expected) => {
  expect(left(...lines)).toEqual(expected)
})

test('RESTORE is appended with the moment its key goes', () => {
  s.run('SET k v')
  const payload = s
    .call('DUMP', 'k')
    .replace(/^\$\d+\r\n/, '')
    .slice(0, -2)
  taken()
  s.call('RESTORE', 'n', '1000', Buffer.from(payload, 'latin1'), 'REPLACE')
  expect(taken()).toEqual([`RESTORE n ${NOW + 1000} ${payload} REPLACE ABSTTL`])
  s.call('RESTORE', 'm', '0', Buffer.from(payload, 'latin1'))
  expect(taken()).toEqual([`RESTORE m 0 ${payload}`])
})

describe('transactions', () => {
  test('changes of one EXEC stand between MULTI and EXEC', () => {
    for (const line of ['MULTI', 'SET a 1', 'GET a', 'SELECT 2', 'INCR b', 'EXEC']) s.run(line)
    expect(taken()).toEqual(['MULTI', 'SELECT 0', 'SET a 1', 'SELECT 2', 'INCR b', 'EXEC'])
  })

  test('a single change needs no MULTI', () => {
    for (const line of ['MULTI', 'SET a 1', 'GET a', 'EXEC']) s.run(line)
    expect(taken()).toEqual(['SELECT 0', 'SET a 1'])
  })

  test('the one that failed is not among them', () => {
    for (const line of ['MULTI', 'SET a x', 'INCR a', 'SET b 1', 'EXEC']) s.run(line)
    expect(taken()).toEqual(['MULTI', 'SELECT 0', 'SET a x', 'SET b 1', 'EXEC'])
  })
})

describe('keys that go by themselves', () => {
  test('an expired key is deleted before the command that met it, as one unit', () => {
    s.run('SET k v PX 10')
    taken()
    s.clock.advance(20)
    s.run('APPEND k x')
    expect(taken()).toEqual(['MULTI', 'DEL k', 'APPEND k x', 'EXEC'])
  })

  test('a read deletes it too', () => {
    s.run('SET k v PX 10')
    taken()
    s.clock.advance(20)
    s.run('GET k')
    expect(taken()).toEqual(['DEL k'])
  })

  test('those the expire cycle finds are no unit', () => {
    for (let i = 0; i < 3; i++) s.run(`SET k${i} v PX 10`)
    taken()
    s.clock.advance(20)
    s.engine.expireCycle.run(1000)
    expect(taken().toSorted()).toEqual(['DEL k0', 'DEL k1', 'DEL k2'])
  })

  test('lazyfree-lazy-expire writes UNLINK', () => {
    s.run('CONFIG SET lazyfree-lazy-expire yes')
    s.run('SET k v PX 10')
    taken()
    s.clock.advance(20)
    s.run('GET k')
    expect(taken()).toEqual(['UNLINK k'])
  })
})

test('a client served with a pop after it waited leaves the pop behind the push', () => {
  const waiting = s.another()
  waiting.run('BLPOP l 0')
  s.run('RPUSH l a b')
  expect(taken()).toEqual(['SELECT 0', 'RPUSH l a b', 'LPOP l'])
})

test('aof-timestamp-enabled annotates the first change of each second', () => {
  s.run('CONFIG SET aof-timestamp-enabled yes')
  s.run('SET k v')
  s.run('SET k w')
  s.clock.advance(1000)
  s.run('SET k x')
  expect(taken()).toEqual([
    `#TS:${NOW / 1000}`,
    'SELECT 0',
    'SET k v',
    'SET k w',
    `#TS:${NOW / 1000 + 1}`,
    'SET k x',
  ])
})

test('while a dataset is loaded a moment in the past removes nothing: a later command may move it', () => {
  s.engine.keyspace.loading = true
  s.run('SET k v')
  expect(s.run('PEXPIREAT k 1')).toBe(':1\r\n')
  expect(s.run('PERSIST k')).toBe(':1\r\n')
  s.engine.keyspace.loading = false
  expect(s.run('GET k')).toBe('$1\r\nv\r\n')
})
