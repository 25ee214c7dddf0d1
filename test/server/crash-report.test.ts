/** What a crash leaves in the log. */
import { expect, test } from 'vitest'
import { crashReport } from '../../src/server/crash-report.ts'
import { session } from '../commands/session.ts'

test('version, last command, stack and figures, but no data', () => {
  const s = session({ config: { requirepass: 'sesame' } })
  s.run('AUTH sesame')
  s.run('SET privatekey privatevalue')
  s.run('CLIENT SETNAME privatename')
  const text = crashReport(s.engine, new TypeError('x is not a function')).join('\n')
  expect(text).toContain('crashed by TypeError: x is not a function\n')
  expect(text).toContain('Last command: client|setname\n')
  expect(text).toMatch(/\n {4}at .*crash-report\.test\.ts/)
  expect(text).toContain('cmdstat_set:calls=1')
  expect(text).not.toMatch(/sesame|private/)
  expect(text).not.toContain('\r')
})

test('of whatever is thrown', () => {
  const { engine } = session()
  const first = (error: unknown): string => crashReport(engine, error)[1]
  expect(first('text')).toMatch(/ crashed by a thrown string$/)
  expect(first(undefined)).toMatch(/ crashed by a thrown undefined$/)
  expect(first(new SyntaxError('Unexpected token "secret"'))).toMatch(/ crashed by SyntaxError$/)
  const quoting = Object.assign(new TypeError('Received "secret"'), { code: 'ERR_INVALID_ARG_VALUE' })
  expect(first(quoting)).toMatch(/ crashed by TypeError ERR_INVALID_ARG_VALUE$/)
  expect(crashReport(engine, quoting).join('\n')).not.toContain('secret')
  const { stack } = new Error('x\n    at secret')
  expect(stack).toContain('\n    at secret')
  expect(
    crashReport(engine, new Error('x\n    at secret')).filter((line) => /^ +at secret/.test(line)),
  ).toEqual([])
  expect(first(new RangeError('x'.repeat(1000))).length).toBeLessThan(300)
  expect(crashReport(engine, null)).toContain('Last command: none')
})

test('it survives figures that fail, and is one line when told so', () => {
  const s = session({ config: { 'crash-log-enabled': 'no' } })
  expect(crashReport(s.engine, new Error('a'))).toHaveLength(1)
  s.run('CONFIG SET crash-log-enabled yes')
  Object.defineProperty(s.engine, 'clients', { value: null })
  expect(crashReport(s.engine, new Error('a'))).toContain('INFO fails too')
})
