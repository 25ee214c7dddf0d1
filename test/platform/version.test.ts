/** Holds the version in the code and the one in package.json together. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { REDIS_VERSION, RESPITE_VERSION } from '../../src/platform/version.ts'

test('the version is the one of package.json', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(RESPITE_VERSION).toBe(manifest.version)
})

test('the emulated version is a 7.2', () => {
  expect(REDIS_VERSION).toMatch(/^7\.2\.\d+$/)
})
