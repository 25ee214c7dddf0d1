/**
 * A dataset file that somebody puts in place of ours while the server runs: no save writes over it unless it is told
 * to, by whatever way it is asked for, and the next start loads it. What is ours, or gone, is saved as ever.
 */
import { copyFileSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { endAll, type Running, serve, serveIn } from './served-folder.ts'

afterEach(endAll)

const REFUSED = /is not what this server last loaded or wrote: .*save-over-replaced yes/

const persistence = async (redis: Redis): Promise<string> => redis.info('persistence')

async function backgroundDone(redis: Redis): Promise<void> {
  await expect
    .poll(() => persistence(redis), { timeout: 20_000 })
    .toMatch(/rdb_bgsave_in_progress:0[^]*aof_rewrite_in_progress:0/)
}

/** The bytes of an RDB file with `key`. */
async function otherFile(key: string): Promise<Buffer> {
  const { redis, directory } = await serve({})
  await redis.set(key, '1')
  await redis.save()
  return readFileSync(join(directory, 'dump.rdb'))
}

interface Scene extends Running {
  readonly path: string
  readonly theirs: Buffer
}

/** A server that has saved, then changed a key, and whose file is another's now. */
async function replaced(own: readonly string[] = []): Promise<Scene> {
  const theirs = await otherFile('theirs')
  const running = await serve({}, own)
  const path = join(running.directory, 'dump.rdb')
  await running.redis.set('ours', '1')
  await running.redis.save()
  await running.redis.set('ours', '2')
  running.write('new.rdb', theirs)
  renameSync(join(running.directory, 'new.rdb'), path)
  return { ...running, path, theirs }
}

describe('an RDB file', () => {
  test('SAVE, BGSAVE and SHUTDOWN leave it, and say so; told to, they write over it', async () => {
    const { redis, path, theirs, directory, server, log } = await replaced()
    await expect(redis.save()).rejects.toThrow(REFUSED)
    await expect(redis.bgsave()).rejects.toThrow(REFUSED)
    await expect(redis.call('SHUTDOWN', 'SAVE')).rejects.toThrow(/Errors trying to SHUTDOWN/)
    expect(log.some((line) => REFUSED.test(line))).toBe(true)
    expect(server.shutdown()).toBe(false)
    expect(readFileSync(path).equals(theirs)).toBe(true)
    expect(readdirSync(directory).filter((name) => name.startsWith('temp'))).toEqual([])
    expect(await redis.get('ours')).toBe('2')
    await redis.config('SET', 'save-over-replaced', 'yes')
    await redis.save()
    await redis.config('SET', 'save-over-replaced', 'no')
    expect(readFileSync(path).equals(theirs)).toBe(false)
    await redis.save()
    await redis.bgsave()
    await backgroundDone(redis)
    expect(await persistence(redis)).toContain('rdb_last_bgsave_status:ok')
  })

  test('a save point leaves it, and writes stop as when the disk refuses, until it is moved away', async () => {
    const { redis, path, theirs, directory } = await replaced()
    await redis.config('SET', 'save', '1 1')
    await expect.poll(() => persistence(redis), { timeout: 20_000 }).toContain('rdb_last_bgsave_status:err')
    await expect(redis.set('a', '1')).rejects.toThrow(/^MISCONF /)
    expect(readFileSync(path).equals(theirs)).toBe(true)
    renameSync(path, join(directory, 'kept.rdb'))
    await redis.save()
    await redis.set('a', '1')
  })

  test('one that comes while a snapshot is being written', async () => {
    const { redis, directory, log, write } = await serve({}, ['rdb-key-save-delay 2000'])
    for (let i = 0; i < 100; i++) await redis.set(`key:${i}`, 'x')
    await redis.bgsave()
    write('dump.rdb', 'theirs')
    await redis.config('SET', 'rdb-key-save-delay', '0')
    await backgroundDone(redis)
    expect(await persistence(redis)).toContain('rdb_last_bgsave_status:err')
    expect(readFileSync(join(directory, 'dump.rdb'), 'utf8')).toBe('theirs')
    expect(log.some((line) => REFUSED.test(line))).toBe(true)
    expect(readdirSync(directory).filter((name) => name.startsWith('temp'))).toEqual([])
  })

  test('SHUTDOWN NOSAVE and a start load it', async () => {
    const { server, directory } = await replaced()
    await server.stop()
    const { redis } = await serveIn(directory)
    expect(await redis.keys('*')).toEqual(['theirs'])
    await redis.save()
  })

  test('what is ours is saved as ever: loaded, gone, copied, touched, or named anew', async () => {
    const { server, directory, redis: first } = await serve({})
    const path = join(directory, 'dump.rdb')
    await first.set('a', '1')
    await first.save()
    await server.stop()
    const { redis } = await serveIn(directory, ['enable-protected-configs yes'])
    await redis.save()
    rmSync(path)
    await redis.save()
    copyFileSync(path, `${path}.copy`)
    renameSync(`${path}.copy`, path)
    await redis.save()
    writeFileSync(join(directory, 'other.rdb'), 'whoever names it means it')
    await redis.config('SET', 'dbfilename', 'other.rdb')
    await redis.save()
  })

  test('there was none at the start', async () => {
    const { redis, write } = await serve({})
    write('dump.rdb', 'theirs')
    await expect(redis.save()).rejects.toThrow(REFUSED)
  })

  test('beside an append-only file it is not loaded: the one there at the start is written over, no other', async () => {
    const first = await serve({}, ['appendonly yes'])
    await first.server.stop()
    first.write('dump.rdb', 'old')
    const { redis, write, server } = await serveIn(first.directory, ['appendonly yes'])
    await redis.save()
    write('dump.rdb', 'theirs')
    await expect(redis.save()).rejects.toThrow(REFUSED)
    await server.stop()
    const second = await serveIn(first.directory, ['appendonly yes'])
    second.write('dump.rdb', 'theirs again')
    await expect(second.redis.save()).rejects.toThrow(REFUSED)
  })
})

describe('an append-only file', () => {
  test('a rewrite leaves a manifest and files that somebody restored', async () => {
    const backup = await serve({}, ['appendonly yes'])
    await backup.redis.set('theirs', '1')
    await backup.redis.call('BGREWRITEAOF')
    await backgroundDone(backup.redis)
    await backup.redis.set('later', '1')
    const { redis, directory, server, log, fields } = await serve({}, ['appendonly yes'])
    await redis.set('ours', '1')
    const folder = join(directory, 'appendonlydir')
    rmSync(folder, { recursive: true })
    cpSync(join(backup.directory, 'appendonlydir'), folder, { recursive: true })
    const contents = (): Record<string, string> =>
      Object.fromEntries(
        readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')]),
      )
    const before = contents()
    expect((await fields()).dataset_state).toBe('drift')
    await expect(redis.call('BGREWRITEAOF')).rejects.toThrow("Can't execute an AOF background rewriting")
    expect(log.some((line) => REFUSED.test(line))).toBe(true)
    expect(await persistence(redis)).toContain('aof_last_bgrewrite_status:err')
    expect(contents()).toEqual(before)
    await server.stop()
    const after = await serveIn(directory, ['appendonly yes'])
    expect((await after.redis.keys('*')).sort()).toEqual(['later', 'theirs'])
    await after.redis.call('BGREWRITEAOF')
    await backgroundDone(after.redis)
    expect(await persistence(after.redis)).toContain('aof_last_bgrewrite_status:ok')
  })

  test('one that comes while a rewrite is under way', async () => {
    const { redis, directory, log } = await serve({}, ['appendonly yes', 'rdb-key-save-delay 2000'])
    for (let i = 0; i < 100; i++) await redis.set(`key:${i}`, 'x')
    await redis.call('BGREWRITEAOF')
    const manifest = join(directory, 'appendonlydir/appendonly.aof.manifest')
    const text = 'file theirs seq 9 type b\n'
    writeFileSync(manifest, text)
    await redis.config('SET', 'rdb-key-save-delay', '0')
    await backgroundDone(redis)
    expect(readFileSync(manifest, 'utf8')).toBe(text)
    expect(log.some((line) => REFUSED.test(line))).toBe(true)
    await redis.config('SET', 'save-over-replaced', 'yes')
    await redis.call('BGREWRITEAOF')
    await backgroundDone(redis)
    expect(readFileSync(manifest, 'utf8')).toContain('type b respite-save-id ')
  })
})

test('INFO names the save ids in effect and on disk, of both kinds of file', async () => {
  const { redis, fields, write } = await serve({})
  await redis.save()
  const saved = await fields()
  expect(saved.dataset_save_id).toMatch(/^[0-9a-f]{40}$/)
  expect(saved.dataset_disk_save_id).toBe(saved.dataset_save_id)
  expect(saved.dataset_identity.startsWith(`${saved.dataset_save_id}-`)).toBe(true)
  const theirs = await otherFile('theirs')
  write('dump.rdb', theirs)
  const { dataset_state: state, dataset_save_id: loaded, dataset_disk_save_id: onDisk } = await fields()
  expect([state, loaded]).toEqual(['drift', saved.dataset_save_id])
  expect(onDisk).toMatch(/^[0-9a-f]{40}$/)
  expect(onDisk).not.toBe(loaded)
  write('dump.rdb', theirs.subarray(0, -1))
  expect(await fields()).toMatchObject({
    dataset_state: 'invalid',
    dataset_last_error: expect.stringContaining('Unexpected EOF') as string,
  })
})

test('the save id of a base is in it and in the manifest; a base that was replaced is told of', async () => {
  const { redis, fields, directory, server } = await serve({}, ['appendonly yes'])
  const { dataset_save_id: id, dataset_disk_save_id: onDisk } = await fields()
  const folder = join(directory, 'appendonlydir')
  expect(readFileSync(join(folder, 'appendonly.aof.manifest'), 'utf8')).toMatch(
    new RegExp(`type b respite-save-id ${id}\n`),
  )
  const base = join(folder, 'appendonly.aof.1.base.rdb')
  expect(readFileSync(base, 'latin1')).toContain(`respite-save-id(${id}`)
  expect(onDisk).toBe(id)
  await redis.set('a', '1')
  await server.stop()
  const other = await otherFile('theirs')
  const again = await serveIn(directory, ['appendonly yes'])
  expect(await again.fields()).toMatchObject({ dataset_state: 'insync', dataset_save_id: id })
  writeFileSync(base, other)
  expect(await again.fields()).toMatchObject({ dataset_state: 'drift', dataset_save_id: id })
  rmSync(base)
  expect(await again.fields()).toMatchObject({ dataset_state: 'invalid' })
  writeFileSync(base, other)
  await again.server.stop()
  const third = await serveIn(directory, ['appendonly yes'])
  expect(third.log.some((line) => line.includes('somebody has replaced it'))).toBe(true)
  await third.redis.config('SET', 'aof-use-rdb-preamble', 'no')
  await third.redis.call('BGREWRITEAOF')
  await backgroundDone(third.redis)
  expect(await third.fields()).toMatchObject({
    dataset_state: 'insync',
    dataset_save_id: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
  })
})
