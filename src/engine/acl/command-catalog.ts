/**
 * The commands as ACL rules name them: by their own names, whatever rename-command calls them, and by category.
 * It numbers nothing and allows nothing; a selector does.
 */
import { ACL_CATEGORIES, categoriesOf } from '../acl-categories.ts'
import type { Command } from '../command.ts'

export class CommandCatalog {
  /** How many commands and subcommands there are: ids are below it. */
  readonly size: number
  private readonly byName: ReadonlyMap<string, Command>
  private readonly byCategory: ReadonlyMap<string, readonly Command[]>

  /** `commands` are the top-level ones; each, and each subcommand, has an id of its own. */
  constructor(commands: readonly Command[]) {
    const all = commands.flatMap((command) => [command, ...(command.subcommands?.values() ?? [])])
    this.size = all.length
    this.byName = new Map(all.map((command) => [command.name, command]))
    const byCategory = new Map<string, Command[]>(ACL_CATEGORIES.map((category) => [category, []]))
    for (const command of all)
      for (const category of categoriesOf(command)) byCategory.get(category)?.push(command)
    this.byCategory = byCategory
  }

  /** A command by its own name in any case, a subcommand as "container|name". */
  command(name: string): Command | undefined {
    return this.byName.get(name.toLowerCase())
  }

  /** The commands and subcommands of a category, named in any case; undefined when there is no such category. */
  category(name: string): readonly Command[] | undefined {
    return this.byCategory.get(name.toLowerCase())
  }
}
