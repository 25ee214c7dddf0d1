/** What the log says of a mistake of ours: enough to find it, nothing of what clients sent. */
import { expect, test, vi } from 'vitest'
import { faultFrames, faultName } from '../../src/engine/fault-text.ts'
import { session } from '../commands/session.ts'

const quoting = Object.assign(new TypeError("Received 'secret'"), { code: 'ERR_INVALID_ARG_VALUE' })

test('the kind of error, and its text where that quotes nothing', () => {
  expect(faultName(new RangeError('Invalid array length'))).toBe('RangeError: Invalid array length')
  expect(faultName(quoting)).toBe('TypeError ERR_INVALID_ARG_VALUE')
  expect(faultName(new SyntaxError('Cannot convert secret to a BigInt'))).toBe('SyntaxError')
  expect(faultName('secret')).toBe('a thrown string')
})

test('places in the code, whatever lines the text has', () => {
  const frames = faultFrames(new Error('x\n    at secret\n'))
  expect(frames[0]).toMatch(/^ +at .*fault-text\.test\.ts/)
  expect(frames.join('\n')).not.toContain('secret')
  expect(faultFrames(undefined)).toEqual([])
})

test('the line in the log', () => {
  const { engine } = session()
  engine.onFault = null
  const warning = vi.spyOn(engine.log, 'warning').mockImplementation(() => {})
  engine.fault('a test', quoting)
  const [[line]] = warning.mock.calls
  expect(line).toMatch(/^Fault in a test: TypeError ERR_INVALID_ARG_VALUE\n +at .*fault-text\.test\.ts/)
  expect(line).not.toContain('secret')
})
