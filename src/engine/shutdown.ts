/** What must be on disk before the server stops. Stopping itself is the server's. */
import type { Engine } from './engine.ts'

/**
 * Saves the dataset if `save` asks for it. Between this and the stop nobody must be served, so that nothing is
 * acknowledged that is not in the file. Returns false, with the reason in the log, when stopping would lose something;
 * with `force` never.
 */
export function readyToStop(engine: Engine, save: boolean, force: boolean): boolean {
  const { dataset, backgroundSave, aof, log } = engine
  backgroundSave.kill()
  if (aof.state === 'waiting') {
    if (!force) {
      log.warning("Writing initial AOF. Can't exit.")
      return false
    }
    log.warning('Writing initial AOF. Exit anyway.')
  }
  if (!save) return true
  log.notice('Saving the final RDB snapshot before exiting.')
  if (dataset.trySave()) return true
  log.warning(
    force ? 'Error trying to save the DB. Exit anyway.' : "Error trying to save the DB, can't exit.",
  )
  return force
}
