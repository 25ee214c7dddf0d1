/** The server on Windows and macOS, as far as that can be had here: its process is told that it is there. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { RawClient } from '../compat/raw-client.ts'
import { freePort, type ServerProcess, startServerProcess } from '../compat/server-process.ts'

const actAs = fileURLToPath(new URL('./act-as.ts', import.meta.url))
const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const IN_TIME = { timeout: 20_000, interval: 20 }

const directories: string[] = []
const running: ServerProcess[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'other-systems-'))
  directories.push(directory)
  return directory
}

/** What to run for a server whose files and working directory are `directory`, on `system`. */
function programOn(system: string, directory: string): { args: string[]; directives: string[] } {
  // What Windows has for pipes would be files here, in the working directory.
  const place = ['-C', directory, `RESPITE_ACT_AS=${system}`, process.execPath]
  return {
    args: [...place, '--import', tsx, '--import', actAs, cli],
    directives: ['--dir', directory, '--appendonly', 'yes', '--save', '3600 1'],
  }
}

async function startOn(system: string, directory: string): Promise<ServerProcess> {
  const { args, directives } = programOn(system, directory)
  const server = await startServerProcess(system, 'env', args, directives)
  running.push(server)
  return server
}

async function ask(server: ServerProcess, ...command: string[]): Promise<string> {
  const client = await RawClient.open(server.port)
  const reply = (await client.call(...command)).toString('latin1')
  client.close()
  return reply
}

const hangUp = {
  win32: 'Received SIGHUP scheduling shutdown',
  darwin: 'Received SIGHUP: reloading configuration',
}

describe.skipIf(process.platform !== 'linux').each([
  ['win32', 'iocp'],
  ['darwin', 'kqueue'],
] as const)('on %s', (system, api) => {
  test('it serves, saves, rewrites, and finds its data again', async () => {
    const directory = newDirectory()
    const first = await startOn(system, directory)
    expect(await ask(first, 'INFO', 'server')).toContain(`multiplexing_api:${api}`)
    const client = await RawClient.open(first.port)
    client.write(Array.from({ length: 1000 }, (_, i) => `RPUSH list ${i}\r\n`).join(''))
    for (let i = 1; i <= 1000; i++) expect((await client.frame()).toString()).toBe(`:${i}\r\n`)
    expect((await client.call('SET', 'large', 'x'.repeat(1_000_000))).toString()).toBe('+OK\r\n')
    client.close()
    expect(await ask(first, 'SAVE')).toBe('+OK\r\n')
    for (const command of ['BGSAVE', 'BGREWRITEAOF']) {
      expect(await ask(first, command)).toMatch(/^\+Background/)
      const persistence = (): Promise<string> => ask(first, 'INFO', 'persistence')
      await expect.poll(persistence, IN_TIME).toMatch(/rdb_bgsave_in_progress:0[^]*aof_rewrite_in_progress:0/)
      expect(await persistence()).toMatch(/rdb_last_bgsave_status:ok[^]*aof_last_bgrewrite_status:ok/)
    }
    expect(await ask(first, 'SET', 'last', 'word')).toBe('+OK\r\n')
    await running.pop()?.stop()

    const second = await startOn(system, directory)
    expect(await ask(second, 'LLEN', 'list')).toBe(':1000\r\n')
    expect(await ask(second, 'STRLEN', 'large')).toBe(':1000000\r\n')
    expect(await ask(second, 'GET', 'last')).toBe('$4\r\nword\r\n')
    expect(second.log()).not.toMatch(/WARNING.*(Fail|Error)|Permission|EPERM/i)
  }, 60_000)

  test('SIGHUP is what it means there', async () => {
    const server = await startOn(system, newDirectory())
    process.kill(server.pid, 'SIGHUP')
    await expect.poll(() => server.log(), IN_TIME).toContain(hangUp[system])
    if (system === 'win32') await expect.poll(() => server.log(), IN_TIME).toContain('bye bye')
    else expect(await ask(server, 'PING')).toBe('+PONG\r\n')
  }, 60_000)

  test('a second server on its files is refused', async () => {
    const directory = newDirectory()
    await startOn(system, directory)
    const { args, directives } = programOn(system, directory)
    const second = [...args, ...directives, '--port', `${await freePort()}`]
    const { status, stdout } = spawnSync('env', second, { encoding: 'utf8', timeout: 30_000 })
    expect(stdout).toContain('is in use by another server')
    expect(status).toBe(1)
    await running.pop()?.stop()
    await startOn(system, directory)
  }, 60_000)
})
