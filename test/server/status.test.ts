/** `respite status`: what is on disk, against what a running server says of the same files. */
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ConfigLoader } from '../../src/config/config-file.ts'
import { type ConfigSource, Configuration } from '../../src/config/configuration.ts'
import { silentLog } from '../../src/platform/log.ts'
import { findProgram } from '../../src/server/programs.ts'
import { Server } from '../../src/server/server.ts'
import { diskStatus } from '../../src/server/status.ts'
import { Certificates, hasOpenssl } from '../network/certificates.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'respite-status-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const write = (name: string, text: string): void => writeFileSync(join(directory, name), text)
const source = (): ConfigSource => ({
  file: join(directory, 'redis.conf'),
  standardInput: null,
  directives: [],
})

/** Name and identity of each. */
const onDisk = (): Record<string, string> =>
  Object.fromEntries(
    diskStatus(source())
      .lines.filter((line) => line.includes('_disk_identity:'))
      .map((line) => line.replace('_disk_identity', '').split(':')),
  ) as Record<string, string>

/** A server with that configuration; runs `use` with a client of it and INFO's identities in effect. */
async function withServer(
  own: string,
  use: (redis: Redis, inEffect: () => Promise<Record<string, string>>) => Promise<void>,
): Promise<void> {
  const socket = join(directory, 'socket')
  write('redis.conf', `dir ${directory}\nport 0\nunixsocket ${socket}\naclfile users.acl\n${own}\n`)
  write('users.acl', 'user default on nopass ~* &* +@all\n')
  const loader = new ConfigLoader(new Configuration())
  loader.source(source())
  const server = new Server({ configuration: loader.configuration, log: silentLog() })
  await server.start()
  const redis = new Redis({ path: socket })
  const inEffect = async (): Promise<Record<string, string>> => {
    const text = await redis.info('artifacts')
    return Object.fromEntries(
      [...text.matchAll(/^(artifact_\w+)_identity:(.*)\r$/gm)]
        .filter(([, name]) => !name.endsWith('_disk'))
        .map(([, name, value]) => [name, value]),
    )
  }
  try {
    await use(redis, inEffect)
  } finally {
    redis.disconnect()
    await server.stop()
  }
}

test('it differs from what a server has in effect exactly when a file is another', async () => {
  await withServer('appendonly no', async (redis, inEffect) => {
    await redis.set('a', '1')
    await redis.save()
    expect(onDisk()).toEqual(await inEffect())
    write('users.acl', 'user default on nopass ~* &* +@all\nuser bob on\n')
    expect(onDisk()).not.toEqual(await inEffect())
    await redis.call('RELOAD')
    expect(onDisk()).toEqual(await inEffect())
    write('dump.rdb', 'another')
    expect(onDisk().artifact_dataset).not.toBe((await inEffect()).artifact_dataset)
  })
})

test('so it does with an append-only file, and names the save id', async () => {
  await withServer('appendonly yes', async (redis, inEffect) => {
    await redis.set('a', '1')
    const { artifact_dataset: identity } = await inEffect()
    expect(onDisk()).toEqual(await inEffect())
    expect(diskStatus(source()).lines).toContain(`artifact_dataset_disk_save_id:${identity.slice(0, 40)}`)
    write('appendonlydir/appendonly.aof.1.base.rdb', 'another')
    expect(onDisk().artifact_dataset).not.toBe(identity)
    expect(diskStatus(source())).toMatchObject({ good: false })
    rmSync(join(directory, 'appendonlydir/appendonly.aof.1.incr.aof'))
    expect(diskStatus(source())).toMatchObject({
      good: false,
      lines: expect.arrayContaining([
        'artifact_dataset_last_error:The manifest names appendonly.aof.1.incr.aof, which is not there',
      ]) as string[],
    })
  })
})

test('what is missing and what is wrong', () => {
  expect(diskStatus(source())).toMatchObject({ good: false })
  write('redis.conf', `dir ${directory}\n`)
  expect(diskStatus(source())).toEqual({
    good: true,
    lines: expect.arrayContaining([
      'artifact_config_state:present',
      'artifact_dataset_state:missing',
    ]) as string[],
  })
  write('redis.conf', `dir ${directory}\nhz x\n`)
  const { lines, good } = diskStatus(source())
  expect([good, lines]).toEqual([
    false,
    [
      'artifact_config_state:invalid',
      expect.stringMatching(/^artifact_config_disk_identity:[\da-f]{64}$/),
      `artifact_config_last_error:${join(directory, 'redis.conf')}:2: argument couldn't be parsed into an integer`,
    ],
  ])
  write('redis.conf', `dir ${directory}\naclfile users.acl\nappendonly yes\n`)
  write('users.acl', 'user\n')
  expect(diskStatus(source())).toMatchObject({
    good: false,
    lines: expect.arrayContaining([
      'artifact_acl_state:invalid',
      'artifact_dataset_state:missing',
    ]) as string[],
  })
})

test.skipIf(!hasOpenssl)('certificates', () => {
  const files = new Certificates()
  try {
    files.make('server')
    const tls = `tls-port 1\ntls-auth-clients no\ntls-cert-file ${files.path('server.crt')}\n`
    write('redis.conf', `${tls}tls-key-file ${files.path('server.key')}\n`)
    const { serialNumber, validTo } = new X509Certificate(readFileSync(files.path('server.crt')))
    expect(diskStatus(source())).toMatchObject({
      good: true,
      lines: expect.arrayContaining([
        `artifact_tls_cert_disk_serial:${serialNumber}`,
        `artifact_tls_cert_disk_expires_at:${Date.parse(validTo) / 1000}`,
      ]) as string[],
    })
    write('redis.conf', `${tls}tls-key-file ${files.path('ca.key')}\n`)
    expect(diskStatus(source())).toMatchObject({ good: false })
  } finally {
    files.remove()
  }
})

test('the program', async () => {
  let [out, errors] = ['', '']
  const terminal = {
    print: (text: string): void => void (out += text),
    printError: (text: string): void => void (errors += text),
    readAnswer: (): Promise<string> => Promise.resolve(''),
    variable: (): undefined => undefined,
  }
  const status = findProgram('status')
  expect(await status?.(['--dir', directory], terminal)).toBe(0)
  expect(out).toContain('artifact_dataset_state:missing\n')
  expect(await status?.(['--dir', join(directory, 'none')], terminal)).toBe(1)
  expect(out).toContain('artifact_config_state:invalid\n')
  expect(await status?.(['--sentinel'], terminal)).toBe(1)
  expect(errors).toContain('Usage: respite status ')
})
