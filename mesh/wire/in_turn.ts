/** Work that is asked for at any moment and done one after another, in the order of asking. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();

  /** Does it when all that was asked for before has ended, well or not; settles as the work does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {});
    return mine;
  }
}
