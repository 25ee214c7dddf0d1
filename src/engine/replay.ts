/** Runs commands that nobody sent: those of an append-only file, while the dataset is loaded. No gate is asked. */
import { loadAof } from '../persistence/aof-loader.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { ErrorReply } from '../protocol/error-replies.ts'
import { Client, type Link } from './client.ts'
import type { Engine } from './engine.ts'

/** Replies larger than this are not kept for the next. */
const REPLY_KEPT = 64 * 1024

/** Nobody reads the replies. */
const nobody: Link = {
  flushSoon() {},
  flushNow() {},
  destroy() {},
  resume() {},
  remoteAddress: '',
  localAddress: '',
  fd: -1,
  inputBytes: 0,
  inputRoom: 0,
  unsentBytes: 0,
}

/**
 * Loads the parts that the append-only file's manifest names into the empty keyspace. Rejects with an Error that says
 * in one line what is wrong where, or with LoadStopped.
 */
export async function loadAppendOnlyFile(engine: Engine): Promise<void> {
  const { dataset, settings, keyspace } = engine
  const { directory } = engine.aof
  const replay = new Replay(engine)
  dataset.pass()
  try {
    const loaded = await loadAof({
      directory: directory.path,
      manifest: directory.manifest,
      appendfilename: settings.appendfilename,
      keyspace,
      log: engine.log,
      loadTruncated: settings.aofLoadTruncated,
      begin: (total) => dataset.beginLoading(total),
      beginFile: () => replay.begin(),
      apply: (args) => replay.apply(args),
    })
    dataset.lastLoaded = loaded?.keys ?? 0
    dataset.lastExpired = 0
  } finally {
    dataset.endLoading()
  }
}

export class Replay {
  private readonly engine: Engine
  private readonly client: Client

  constructor(engine: Engine) {
    this.engine = engine
    this.client = new Client(engine, nobody, 0)
    // Nothing may block.
    this.client.inTransaction = true
  }

  /** Whatever database was selected before, it is the first now. */
  begin(): void {
    this.client.db = this.engine.keyspace.databases[0]
  }

  /** Runs one. Returns why it can't be, or null; an error reply is no reason, but the log has it, as in Redis. */
  apply(args: Arguments): string | null {
    const { client, engine } = this
    const command = engine.commands.resolve(args)
    if (command === null) return `Unknown command '${args.text(0)}'`
    if (args.count < command.minArguments || args.count > command.maxArguments) {
      return `Wrong number of arguments for the command '${command.name}'`
    }
    client.lastCommand = command
    try {
      command.run(client, args)
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error
      engine.log.warning(
        '== CRITICAL == This server is sending an error to its AOF-loading-client: ' +
          `'-${error.line}' after processing the command '${command.name}'`,
      )
      // Redis goes on, and has what follows change another database.
      if (args.is(0, 'SELECT')) return `Impossible to select the database '${args.text(1)}'`
    }
    if (client.reply.length > REPLY_KEPT) client.reply.release()
    else client.reply.rewind(0)
    return null
  }
}
