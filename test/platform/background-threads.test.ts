import { readdirSync, readFileSync } from 'node:fs'
import { constants, getPriority } from 'node:os'
import { expect, test } from 'vitest'
import { startRespite } from '../compat/respite.ts'

/** The nice value of each thread of a process, proc_pid_stat(5). */
function niceOf(pid: number): Map<number, number> {
  return new Map(
    readdirSync(`/proc/${pid}/task`).map((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')
      return [Number(thread), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])]
    }),
  )
}

test.runIf(process.platform === 'linux')('the thread that runs the commands comes first', async () => {
  const server = await startRespite()
  const { pid } = server
  const nice = niceOf(pid)
  await server.stop()
  expect(nice.size).toBeGreaterThan(4)
  expect(nice.get(pid)).toBe(getPriority())
  nice.delete(pid)
  const lower = Math.min(constants.priority.PRIORITY_LOW, getPriority() + 10)
  expect([...new Set(nice.values())]).toEqual([lower])
})
