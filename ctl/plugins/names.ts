/** Where the records of typed plugins lie, and their names. Cheap to load: every start with a word that is no verb of ours does it. */

/** The folder of all records. */
export const folderOf = (configDir: string): string => `${configDir}/plugins`;
/** The record of one plugin. */
export const fileOf = (configDir: string, name: string): string => `${folderOf(configDir)}/${name}.json`;

/** Names of those that were added, sorted. */
export async function addedNames(configDir: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folderOf(configDir))) {
      const [, word] = /^([a-z][a-z0-9-]{0,31})\.json$/.exec(name) ?? [];
      if (word !== undefined) names.push(word);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) throw error;
  }
  return names.sort();
}
