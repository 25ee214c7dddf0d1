/**
 * What is loaded against what is on disk: what files have to do with one another and with CONFIG SET. Each by itself,
 * in every state and by every way of loading it again, is artifact-states.test.ts's.
 */
import { X509Certificate } from 'node:crypto'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { checkItself } from '../../src/engine/artifacts/reload.ts'
import { freePort } from '../compat/server-process.ts'
import { Certificates, hasOpenssl } from '../network/certificates.ts'
import { endAll, ended, type Running, serve } from './served-folder.ts'

const CONFIG = 'hz 20\ntimeout 0\n'
const CONFIG_AFTER = 'hz 30\ntimeout 0\nmaxmemory-policy "allkeys-lru"\n'
const USERS = 'user alice on nopass ~* +@all\nuser default on nopass ~* &* +@all\n'

afterEach(endAll)

const WAYS: Readonly<Record<string, (running: Running) => Promise<unknown>>> = {
  RELOAD: ({ redis }) => redis.call('RELOAD').catch(() => {}),
  SIGHUP: ({ server }) => Promise.resolve(server.reload()),
  'the self-check': async ({ server, redis }) => {
    await redis.config('SET', 'self-check-action', 'reload')
    checkItself(server.engine)
  },
}

describe('RELOAD', () => {
  test('what CONFIG SET changed stays, unless the file changes it too; what needs a restart is told', async () => {
    const { redis, write, fields } = await serve({ 'a.inc': CONFIG })
    await redis.config('SET', 'hz', '77', 'timeout', '9')
    expect(await fields()).toMatchObject({ config_state: 'drift', config_overridden: 'timeout,hz' })
    write('a.inc', 'hz 30\ntimeout 0\nport 7\ntcp-backlog 1\nrename-command DEBUG ""\n')
    const told = [
      'applied',
      ['hz'],
      'kept',
      ['timeout'],
      'restart',
      ['port', 'tcp-backlog', 'rename-command'],
    ]
    expect(await redis.call('RELOAD', 'CONFIG', 'DRYRUN')).toEqual(told)
    expect(await redis.config('GET', 'hz')).toEqual(['hz', '77'])
    expect(await redis.call('RELOAD', 'CONFIG')).toEqual(told)
    expect(await redis.config('GET', 'hz', 'timeout', 'port')).toEqual([
      'hz',
      '30',
      'timeout',
      '9',
      'port',
      '0',
    ])
    expect(await fields()).toMatchObject({
      config_state: 'drift',
      config_overridden: 'timeout',
      config_restart_required: 'port,tcp-backlog,rename-command',
    })
  })

  test('all or nothing: bad users leave the settings as they were', async () => {
    const { redis, write, fields, server, log } = await serve({ 'a.inc': CONFIG, 'users.acl': USERS }, [
      'aclfile users.acl',
    ])
    write('a.inc', CONFIG_AFTER)
    write('users.acl', 'user x on +nosuch')
    await expect(redis.call('RELOAD', 'ALL')).rejects.toThrow(/^ERR RELOAD failed: users.acl:1: /)
    expect(await redis.config('GET', 'hz')).toEqual(['hz', '20'])
    expect(await fields()).toMatchObject({ config_state: 'drift', acl_state: 'invalid' })
    server.reload()
    expect(log.at(-1)).toContain('Reload failed, everything stays as it was: users.acl:1: ')
    const applied = ['hz', 'maxmemory-policy']
    expect(await redis.call('RELOAD', 'CONFIG')).toEqual(['applied', applied, 'kept', [], 'restart', []])
    await expect(redis.call('RELOAD', 'nothing')).rejects.toThrow('ERR syntax error')
    await expect(redis.call('RELOAD', 'ACL', 'TLS')).rejects.toThrow('ERR syntax error')
  })

  test("a part of the server that refuses its setting: the others' are as before", async () => {
    const { redis, write, server, fields } = await serve({ 'a.inc': CONFIG })
    server.engine.configuration.onChange('maxmemoryPolicy', () => 'not today')
    write('a.inc', CONFIG_AFTER)
    await expect(redis.call('RELOAD')).rejects.toThrow('ERR RELOAD failed: maxmemory-policy: not today')
    expect(await redis.config('GET', 'hz')).toEqual(['hz', '20'])
    const { config_state, config_last_error, config_generation } = await fields()
    expect([config_state, config_generation]).toEqual(['drift', '1'])
    expect(config_last_error).toContain('not today')
  })

  test('users of redis.conf: those whose lines did not change stay as they are', async () => {
    const { redis, write } = await serve({ 'a.inc': 'user a on +get\nuser b on +get\nuser c on +get\n' })
    await redis.call('ACL', 'SETUSER', 'a', 'off')
    await redis.call('ACL', 'SETUSER', 'z', 'on')
    write('a.inc', 'user a on +get\nuser b on +set\nuser d on +get\n')
    expect(await redis.call('RELOAD')).toEqual(['applied', ['user'], 'kept', [], 'restart', []])
    expect(await redis.call('ACL', 'LIST')).toEqual([
      expect.stringMatching(/^user a off .* \+get$/),
      expect.stringMatching(/^user b on .* \+set$/),
      expect.stringMatching(/^user d on .* \+get$/),
      expect.stringMatching(/^user default on nopass /),
      expect.stringMatching(/^user z on /),
    ])
    write('a.inc', 'user a on +get\nuser a on +get\n')
    await expect(redis.call('RELOAD')).rejects.toThrow(/a\.inc:2: /)
  })

  test('the self-check comes by itself', async () => {
    const { redis, write } = await serve({ 'a.inc': CONFIG }, [
      'self-check-interval 1',
      'self-check-action reload',
    ])
    write('a.inc', CONFIG_AFTER)
    await expect.poll(() => redis.config('GET', 'hz'), { timeout: 10_000 }).toEqual(['hz', '30'])
  })

  test('CONFIG REWRITE and ACL SAVE leave what is in effect', async () => {
    const { redis, fields } = await serve({ 'users.acl': USERS }, ['aclfile users.acl'])
    await redis.config('SET', 'hz', '77')
    await redis.call('ACL', 'SETUSER', 'carl', 'on')
    await redis.call('CONFIG', 'REWRITE')
    await redis.call('ACL', 'SAVE')
    expect(await fields()).toMatchObject({ config_state: 'insync', acl_state: 'insync' })
    expect(await redis.call('SELFCHECK')).toEqual(['config', 'insync', 'acl', 'insync'])
  })
})

describe('the dataset', () => {
  test('a file that was replaced or deleted is told of, and never loaded', async () => {
    const { redis, fields, directory, log } = await serve({})
    const path = join(directory, 'dump.rdb')
    expect(await fields()).not.toHaveProperty('dataset_state')
    await redis.set('a', '1')
    await redis.save()
    copyFileSync(path, `${path}.old`)
    expect(await fields()).toMatchObject({ dataset_state: 'insync' })
    await redis.set('a', '2')
    await redis.save()
    expect(await fields()).toMatchObject({ dataset_state: 'insync' })
    copyFileSync(`${path}.old`, path)
    expect(await redis.call('SELFCHECK')).toEqual(['config', 'insync', 'dataset', 'drift'])
    expect(log.at(-1)).toContain('Self-check: dataset on disk is not what is in effect (drift)')
    await redis.call('RELOAD')
    expect(await redis.get('a')).toBe('2')
    rmSync(path)
    expect(await fields()).toMatchObject({ dataset_state: 'missing' })
    await redis.save()
    expect(await redis.call('SELFCHECK')).toEqual(['config', 'insync', 'dataset', 'insync'])
  })

  test('the manifest of an append-only file', async () => {
    const { redis, fields, directory } = await serve({}, ['appendonly yes'])
    const path = join(directory, 'appendonlydir', 'appendonly.aof.manifest')
    const text = readFileSync(path, 'utf8')
    expect(await fields()).toMatchObject({ dataset_state: 'insync' })
    writeFileSync(path, text.replaceAll('seq 1', 'seq 3'))
    expect(await fields()).toMatchObject({ dataset_state: 'drift' })
    writeFileSync(path, 'nonsense\n')
    expect(await fields()).toMatchObject({ dataset_state: 'invalid' })
    rmSync(path)
    expect(await fields()).toMatchObject({ dataset_state: 'missing' })
    writeFileSync(path, text)
    expect(await redis.call('SELFCHECK')).toEqual(['config', 'insync', 'dataset', 'insync'])
  })
})

const states = async ({ fields }: Running): Promise<(string | undefined)[]> => {
  const found = await fields()
  return [found.tls_cert_state, found.tls_key_state, found.tls_ca_state, found.tls_cert_generation]
}

describe.skipIf(!hasOpenssl)('certificates', () => {
  let files: Certificates
  beforeAll(() => {
    files = new Certificates()
    for (const name of ['server', 'other']) files.make(name)
    files.make('expired', -1)
  })
  afterAll(() => files.remove())

  const pem = (name: string): string => readFileSync(files.path(name), 'utf8')

  async function begin(): Promise<Running & { tls: Redis; port: number }> {
    const port = await freePort()
    const names = {
      'tls-cert-file': 'server.crt',
      'tls-key-file': 'server.key',
      'tls-ca-cert-file': 'ca.crt',
    }
    const running = await serve(Object.fromEntries(Object.values(names).map((name) => [name, pem(name)])), [
      `tls-port ${port}`,
      'tls-auth-clients no',
      ...Object.entries(names).map((pair) => pair.join(' ')),
    ])
    const tls = new Redis({ port, host: '127.0.0.1', tls: { ca: pem('ca.crt') } })
    ended.push(() => tls.disconnect())
    await tls.client('SETNAME', 'here')
    return { ...running, tls, port }
  }

  test.each(Object.keys(WAYS))('by %s', async (way) => {
    const running = await begin()
    const again = WAYS[way]
    const stays = async (...expected: string[]): Promise<void> => {
      await again(running)
      expect(await states(running)).toEqual(expected)
      expect(await running.tls.client('GETNAME')).toBe('here')
    }
    const serial = (await running.fields()).tls_cert_serial
    await stays('insync', 'insync', 'insync', '1')
    running.write('server.crt', pem('other.crt'))
    await stays('invalid', 'insync', 'insync', '1')
    running.write('server.key', pem('other.key').slice(0, 80))
    await stays('invalid', 'invalid', 'insync', '1')
    running.write('server.crt', pem('expired.crt'))
    running.write('server.key', pem('expired.key'))
    await stays('invalid', 'invalid', 'insync', '1')
    expect((await running.fields()).tls_cert_last_error).toContain('has expired')
    rmSync(join(running.directory, 'server.crt'))
    await stays('missing', 'invalid', 'insync', '1')
    expect((await running.fields()).tls_cert_serial).toBe(serial)
    running.write('server.crt', pem('other.crt'))
    running.write('server.key', pem('other.key'))
    await stays('insync', 'insync', 'insync', '2')
    expect((await running.fields()).tls_cert_serial).not.toBe(serial)
  })

  test('RELOAD TLS and CONFIG SET', async () => {
    const running = await begin()
    running.write('server.crt', pem('other.crt'))
    await expect(running.redis.call('RELOAD', 'TLS')).rejects.toThrow(/^ERR RELOAD failed: /)
    running.write('server.key', pem('other.key'))
    expect(await running.redis.call('RELOAD', 'TLS', 'DRYRUN')).toEqual([
      'applied',
      ['tls'],
      'kept',
      [],
      'restart',
      [],
    ])
    expect(await states(running)).toEqual(['drift', 'drift', 'insync', '1'])
    const { tls_cert_serial: serial, tls_cert_disk_serial: onDisk } = await running.fields()
    const serialOf = (name: string): string => new X509Certificate(pem(name)).serialNumber
    expect([serial, onDisk]).toEqual([serialOf('server.crt'), serialOf('other.crt')])
    await running.redis.config('SET', 'tls-session-caching', 'no')
    expect(await states(running)).toEqual(['insync', 'insync', 'insync', '2'])
  })
})
