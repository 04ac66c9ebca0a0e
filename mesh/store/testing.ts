/** For tests of what several instances do to one store. */

/** The same store as another instance holds it: nothing that is kept per connection is shared. */
export function twin(kv: Deno.Kv): Deno.Kv {
  return new Proxy(kv, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
