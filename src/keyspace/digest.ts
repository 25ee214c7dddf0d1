/**
 * A signature of values that does not depend on the order in which they are stored: Redis's DEBUG DIGEST
 * algorithm, so that the signatures of two servers with the same data are equal.
 */
import { createHash } from 'node:crypto'
import { AddressList } from '../structures/address-list.ts'
import type { Database } from './database.ts'
import { Entry, TYPE_LIST } from './entry.ts'
import type { Keyspace } from './keyspace.ts'

const DIGEST_BYTES = 20
const EXPIRE_MARK = Buffer.from('!!expire!!')

function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest()
}

/** digest ^= SHA1(bytes): order does not matter. */
function xorIn(digest: Buffer, bytes: Uint8Array): void {
  const hash = sha1(bytes)
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i] ^= hash[i]
}

/** digest = SHA1(digest ^ SHA1(bytes)): order matters. */
function mixIn(digest: Buffer, bytes: Uint8Array): void {
  xorIn(digest, bytes)
  sha1(digest).copy(digest)
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function mixValue(digest: Buffer, keyspace: Keyspace, entry: Entry): void {
  mixIn(digest, bigEndian(entry.type))
  if (entry.type === TYPE_LIST) {
    const list = keyspace.list
    list.point(entry.block, entry.valueOffset)
    for (let standing = list.seek(0); standing; standing = list.advance()) {
      mixIn(
        digest,
        list.elementBlock.bytes.subarray(list.elementOffset, list.elementOffset + list.elementLength),
      )
    }
  } else mixIn(digest, entry.valueBytes())
  if (entry.hasDeadline) xorIn(digest, EXPIRE_MARK)
}

/** 40 hexadecimal digits for one value and whether it has a deadline; all zeros for no key. */
export function valueDigest(db: Database, entry: Entry | null): string {
  const digest = Buffer.alloc(DIGEST_BYTES)
  if (entry !== null) mixValue(digest, db.keyspace, entry)
  return digest.toString('hex')
}

/** 40 hexadecimal digits for all keys of all databases; all zeros when there are none. */
export function datasetDigest(keyspace: Keyspace): string {
  const digest = Buffer.alloc(DIGEST_BYTES)
  const entry = new Entry()
  const found = new AddressList()
  for (const db of keyspace.databases) {
    if (db.size === 0) continue
    mixIn(digest, bigEndian(db.id))
    for (let bucket = 0; bucket < db.index.bucketCount; bucket++) {
      found.clear()
      db.index.collect(bucket, found)
      for (let i = 0; i < found.length; i++) {
        entry.point(keyspace.arena, found.items[i], 0)
        const key = Buffer.alloc(DIGEST_BYTES)
        mixIn(key, entry.keyBytes())
        mixValue(key, keyspace, entry)
        xorIn(digest, key)
      }
    }
  }
  return digest.toString('hex')
}
