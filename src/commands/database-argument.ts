/** A database named by its number among a command's arguments: SELECT, MOVE, COPY … DB. */
import type { Client } from '../engine/client.ts'
import type { Database } from '../keyspace/database.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { DB_INDEX_OUT_OF_RANGE, NOT_AN_INT32 } from '../protocol/error-replies.ts'

/** The database that argument `index` numbers. Throws NOT_AN_INTEGER, NOT_AN_INT32 or DB_INDEX_OUT_OF_RANGE. */
export function databaseArgument(client: Client, args: Arguments, index: number): Database {
  const id = args.integer(index)
  if (id !== (id | 0)) throw NOT_AN_INT32
  return databaseAt(client, id)
}

/** The database with this number. Throws DB_INDEX_OUT_OF_RANGE. */
export function databaseAt(client: Client, id: number): Database {
  const db = client.engine.keyspace.databases[id]
  if (db === undefined) throw DB_INDEX_OUT_OF_RANGE
  return db
}
