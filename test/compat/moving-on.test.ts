/**
 * README's ways to more than one machine, tried on real servers: redis-cli's import into a cluster, and dump.rdb under
 * a Sentinel that fails over. The commands are README's own, with the ports of the day.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { exampleWith } from '../readme-examples.ts'
import { type Content, contentOf, DATABASES, datasetCommands, differencesOf, runAll } from './dataset.ts'
import { oracle, startOracle } from './oracle.ts'
import { Dice } from './random.ts'
import { type Argument, RawClient } from './raw-client.ts'
import { startRespite } from './respite.ts'
import { freePort, type ServerProcess, startServerProcess } from './server-process.ts'

const KEYS = 300
/** What the time to live may lose or win on its way to another server. */
const SLACK_MS = 60_000
const IN_TIME = { timeout: 30_000, interval: 100 }

const hasCli = spawnSync('redis-cli', ['--version']).status === 0

const running: ServerProcess[] = []
const directories: string[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

async function started(server: Promise<ServerProcess>): Promise<ServerProcess> {
  running.push(await server)
  return server
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'moving-on-'))
  directories.push(directory)
  return directory
}

async function ask(server: ServerProcess, ...command: Argument[]): Promise<string> {
  const client = await RawClient.open(server.port)
  const reply = (await client.call(...command)).toString('latin1')
  client.close()
  return reply
}

/** Fills the server with strings and lists of every encoding, deadlines and binary names; `only` one database, or all. */
async function fill(server: ServerProcess, only?: 0): Promise<void> {
  const commands = datasetCommands(new Dice(7), KEYS).filter(
    ([name]) => only === undefined || name !== 'SELECT',
  )
  const client = await RawClient.open(server.port, 30_000)
  await runAll(client, commands)
  client.close()
}

/** One node of a cluster that does not exist yet. */
async function startNode(): Promise<ServerProcess> {
  const bus = await freePort()
  const directives = [
    '--cluster-enabled',
    'yes',
    '--cluster-port',
    `${bus}`,
    '--cluster-node-timeout',
    '5000',
  ]
  return started(startOracle(directives))
}

function cli(...args: string[]): string {
  return execFileSync('redis-cli', args, { encoding: 'utf8', timeout: 60_000 })
}

describe.skipIf(oracle === null || !hasCli)('moving on', () => {
  test('redis-cli --cluster import, into a cluster of three', async () => {
    const from = await started(startRespite())
    const nodes = await Promise.all([startNode(), startNode(), startNode()])
    cli('--cluster', 'create', ...nodes.map(({ port }) => `127.0.0.1:${port}`), '--cluster-yes')
    for (const node of nodes) {
      await expect.poll(() => ask(node, 'CLUSTER', 'INFO'), IN_TIME).toContain('cluster_state:ok')
    }
    await fill(from, 0)
    const before = await contentOf(from.port)
    expect(before.size).toBeGreaterThan(KEYS * 0.9)

    const command = exampleWith('sh', '--cluster import')
    const ports: Record<string, number> = { 7000: nodes[0].port, 6379: from.port }
    const run = command.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => `${ports[port]}`)
    expect(command).toContain('--cluster-copy')
    const said = execFileSync('sh', ['-ec', run], { encoding: 'utf8', timeout: 100_000 })
    expect(said).not.toMatch(/\[ERR]|Source .* replied with error/)

    const arrived = new Map<string, Content>()
    for (const node of nodes) {
      // A node has one database, and shows it under each number.
      const content = [...(await contentOf(node.port))].filter(
        ([, { database }]) => database === DATABASES[0],
      )
      expect(content.length).toBeGreaterThan(KEYS / 10)
      for (const [name, value] of content) arrived.set(name, alignedDeadline(value, before.get(name)))
    }
    // redis-cli 7 takes a name to end at its first zero byte, and asks for none of these.
    const expected = new Map([...before].filter(([, { key }]) => !key.includes(0)))
    expect(expected.size).toBeGreaterThan(KEYS * 0.5)
    expect(differencesOf(expected, arrived)).toEqual([])
    // They were copied.
    expect(differencesOf(before, await contentOf(from.port))).toEqual([])
  }, 120_000)

  test('dump.rdb, under a Sentinel that fails over', async () => {
    const directory = newDirectory()
    const from = await started(startRespite(['--dir', directory]))
    await fill(from)
    const before = await contentOf(from.port)
    const [leave, arrive] = exampleWith('sh', 'SHUTDOWN SAVE').split('\n')
    expect(arrive).toMatch(/^redis-server --port 6379 --dir \.( |$)/)
    execFileSync('sh', ['-ec', leave.replace('6379', `${from.port}`)], { timeout: 30_000 })

    const master = await started(startOracle(['--dir', directory, '--repl-diskless-sync-delay', '0']))
    expect(differencesOf(before, await contentOf(master.port))).toEqual([])
    const replica = await started(startOracle(['--replicaof', '127.0.0.1', `${master.port}`]))
    await expect.poll(() => ask(replica, 'INFO', 'replication'), IN_TIME).toContain('master_link_status:up')
    const sentinel = await started(startSentinel(master.port))
    await expect.poll(() => ask(sentinel, 'SENTINEL', 'FAILOVER', 'data'), IN_TIME).toBe('+OK\r\n')
    await expect.poll(() => ask(replica, 'ROLE'), IN_TIME).toContain('master')
    await expect
      .poll(() => ask(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'data'), IN_TIME)
      .toContain(`${replica.port}`)
    expect(differencesOf(before, await contentOf(replica.port))).toEqual([])
  }, 120_000)
})

/** `arrived` with the deadline it was sent with, where that is near enough. */
function alignedDeadline(arrived: Content, sent: Content | undefined): Content {
  const [there, here] = [arrived, sent ?? arrived].map(({ deadline }) => Number(deadline.slice(1)))
  const isSame = there > 0 && here > 0 && Math.abs(there - here) < SLACK_MS
  return isSame && sent !== undefined ? { ...arrived, deadline: sent.deadline } : arrived
}

function startSentinel(master: number): Promise<ServerProcess> {
  const file = join(newDirectory(), 'sentinel.conf')
  writeFileSync(file, `sentinel monitor data 127.0.0.1 ${master} 1\n`)
  return startServerProcess('sentinel', oracle ?? '', [file, '--sentinel'], [])
}
