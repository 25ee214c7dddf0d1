/**
 * Loaded into a process ahead of the server: Node tells and does what it would on the system that RESPITE_ACT_AS names,
 * win32 or darwin, as far as the server makes a difference. Paths stay those of the system it really is.
 */
import 'node:child_process'
import 'node:tls'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'

const system = process.env.RESPITE_ACT_AS as NodeJS.Platform
const { openSync, closeSync, readFileSync, fsyncSync } = fs
const { open } = fs.promises

function systemError(code: string, errno: number): Error {
  return Object.assign(new Error(code), { code, errno })
}

// What Node itself makes of its platform, it made when it was loaded.
Object.defineProperty(process, 'platform', { value: system })
os.platform = () => system

fs.readFileSync = ((path: fs.PathOrFileDescriptor, options: 'latin1') => {
  if (String(path).startsWith('/proc/')) throw systemError('ENOENT', -2)
  return readFileSync(path, options)
}) as typeof fs.readFileSync

if (system === 'win32') {
  fs.fsyncSync = (file) => {
    if (fs.fstatSync(file).isDirectory()) throw systemError('EPERM', -1)
    fsyncSync(file)
  }
  fs.promises.open = async (path, ...rest) => {
    const file = await open(path, ...rest)
    if ((await file.stat()).isDirectory()) file.sync = () => Promise.reject(systemError('EPERM', -1))
    return file
  }
}

/** O_EXLOCK, which only one at a time can open a file with. */
const LOCKS = 0x20
if (system === 'darwin') {
  const held = new Map<number, string>()
  fs.openSync = (path, flags, mode) => {
    const locks = typeof flags === 'number' && (flags & LOCKS) !== 0
    if (!locks) return openSync(path, flags, mode)
    const sign = `${String(path)}.held`
    try {
      closeSync(openSync(sign, 'wx'))
    } catch {
      throw systemError('EAGAIN', -11)
    }
    const file = openSync(path, flags & ~LOCKS, mode)
    held.set(file, sign)
    return file
  }
  fs.closeSync = (file) => {
    const sign = held.get(file)
    if (sign !== undefined) fs.rmSync(sign)
    held.delete(file)
    closeSync(file)
  }
}

syncBuiltinESMExports()
