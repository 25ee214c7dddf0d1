/** What a valid configuration is warned of at start. */
import { expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { startupWarnings } from '../../src/config/startup-warnings.ts'

const warnings = (config: Record<string, string>): string[] =>
  startupWarnings(new Configuration(config).settings)

test('nothing to warn of', () => {
  expect(warnings({})).toEqual([])
  expect(warnings({ 'metrics-port': '9121' })).toEqual([])
  expect(warnings({ 'metrics-port': '9121', 'metrics-bind': '127.0.0.2 -::1 localhost' })).toEqual([])
  expect(warnings({ 'metrics-bind': '*' })).toEqual([])
})

test('a password that the ACL file overrules', () => {
  expect(warnings({ requirepass: 'secret' })).toEqual([])
  expect(warnings({ aclfile: 'users.acl' })).toEqual([])
  const [warning, ...others] = warnings({ requirepass: 'secret', aclfile: 'users.acl' })
  expect(others).toEqual([])
  expect(warning).toContain('requirepass has no effect beside aclfile')
  expect(warning).not.toContain('secret')
})

test('metrics for everybody, a memory limit in kilobytes, a server that stays in the foreground', () => {
  for (const address of ['*', '10.0.0.1', '127.0.0.1 -::*']) {
    expect(warnings({ 'metrics-port': '9121', 'metrics-bind': address })).toEqual([
      expect.stringContaining('metrics-bind names addresses beyond loopback'),
    ])
  }
  expect(warnings({ maxmemory: '4kb' })).toEqual([expect.stringContaining('4096 bytes')])
  expect(warnings({ daemonize: 'yes' })).toEqual([expect.stringContaining('foreground')])
})
