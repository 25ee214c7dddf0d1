/** What a service manager hears of a real process: loading, ready, alive, reloading, stopping, in this order. */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RawClient } from '../compat/raw-client.ts'
import { respiteProgram } from '../compat/respite.ts'
import { freePort } from '../compat/server-process.ts'

const nothing = (): Promise<void> => Promise.resolve()

describe.skipIf(process.platform === 'win32')('supervised', () => {
  let directory = ''
  let port = 0
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'respite-supervision-'))
    // In the place of the program that carries the messages: it writes them down.
    const program = join(directory, 'systemd-notify')
    writeFileSync(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> ${join(directory, 'heard')}\n`)
    chmodSync(program, 0o755)
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const heard = (): string => {
    const path = join(directory, 'heard')
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  async function run(
    variables: Record<string, string>,
    live: (hangUp: () => void) => Promise<void>,
    ...directives: string[]
  ): Promise<string> {
    const { program, args } = respiteProgram()
    port = await freePort()
    const given = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', '']
    const child = spawn(program, [...args, ...given, ...directives], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${directory}${delimiter}${process.env.PATH}`, ...variables },
    })
    let log = ''
    child.stdout.on('data', (chunk) => (log += String(chunk)))
    const exited = new Promise((resolve) => void child.on('exit', resolve))
    try {
      await expect.poll(() => log, { timeout: 20_000 }).toContain('Ready to accept connections')
      await live(() => void child.kill('SIGHUP'))
    } finally {
      child.kill('SIGTERM')
      await exited
    }
    return log
  }

  async function supervisedBy(): Promise<string | undefined> {
    const client = await RawClient.open(port)
    const info = (await client.call('INFO', 'server')).toString()
    await client.hangUp()
    return /process_supervised:(\w+)/.exec(info)?.[1]
  }

  const unheard = async (): Promise<void> => expect(await supervisedBy()).toBe('no')
  const inTime = { timeout: 20_000 }

  test('systemd', async () => {
    const variables = { NOTIFY_SOCKET: '/there', WATCHDOG_USEC: '100000' }
    const live = async (hangUp: () => void): Promise<void> => {
      await expect.poll(heard, inTime).toContain('READY=1')
      hangUp()
      await expect.poll(() => heard().split('READY=1').length, inTime).toBe(3)
      await expect.poll(heard, inTime).toContain('WATCHDOG=1')
      expect(await supervisedBy()).toBe('systemd')
    }
    await run(variables, live, '--supervised', 'auto')
    const told = heard()
      .trimEnd()
      .split('\n')
      .filter((line) => !line.includes('WATCHDOG'))
    expect(told).toEqual([
      '/there STATUS=Loading the dataset: 0% EXTEND_TIMEOUT_USEC=60000000',
      '/there STATUS=Ready to accept connections READY=1',
      expect.stringMatching(/^\/there RELOADING=1 MONOTONIC_USEC=\d+$/),
      '/there STATUS=Ready to accept connections READY=1',
      '/there STOPPING=1',
    ])
  }, 60_000)

  test('auto and nobody who listens, and not asked for: not a word', async () => {
    expect(await run({ NOTIFY_SOCKET: '' }, nothing, '--supervised', 'auto')).not.toContain('service manager')
    await run({ NOTIFY_SOCKET: '/there' }, nothing)
    expect(heard()).toBe('')
    expect(await run({ NOTIFY_SOCKET: '' }, unheard, '--supervised', 'systemd')).toContain(
      'supervised systemd: no service manager waits to hear of this process',
    )
  }, 60_000)
})
