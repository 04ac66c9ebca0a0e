/**
 * GhostMesh's own lint rules, loaded by deno.json.
 *
 * - `ghostmesh/no-ambient`: a core (`link/core`, `gate/core`, `mesh/trust`, `mesh/policy`, `mesh/wire`) is handed the time and
 *   its randomness. The compiler refuses most ways around that (scripts/core.json), but `Date` and `Math.random` belong to
 *   the language, so this rule refuses them.
 * - `ghostmesh/no-console`: programs speak through mesh/host/log.ts; only ghostctl, main.ts files, scripts and tests print.
 */
const CORES = /\/(?:link\/core|gate\/core|mesh\/(?:trust|policy|wire))\//;
/** From the project's folder on: a clone may lie in a folder that is called `ctl` itself. */
const ROOT = new URL("..", import.meta.url).pathname;
const inProject = (file: string) => file.startsWith(ROOT) ? file.slice(ROOT.length - 1) : file;
const MAY_PRINT = /\/(?:ctl|scripts|tests)\/|\/main\.ts$|\/mesh\/host\/(?:log|exit)\.ts$|_test\.ts$/;

function isMember(node: Deno.lint.MemberExpression, object: string, property: string): boolean {
  return node.object.type === "Identifier" && node.object.name === object && node.property.type === "Identifier" &&
    node.property.name === property;
}

const plugin: Deno.lint.Plugin = {
  name: "ghostmesh",
  rules: {
    "no-ambient": {
      create(context) {
        if (!CORES.test(inProject(context.filename)) || context.filename.endsWith("_test.ts")) return {};
        const report = (node: Deno.lint.Node, what: string, instead: string) =>
          context.report({ node, message: `A core must not use ${what}`, hint: instead });
        return {
          MemberExpression(node) {
            if (isMember(node, "Date", "now")) report(node, "Date.now", "Take `now` as an argument");
            if (isMember(node, "performance", "now")) report(node, "performance.now", "Take `now` as an argument");
            if (isMember(node, "Math", "random")) report(node, "Math.random", "Take `random` as an argument");
            if (isMember(node, "crypto", "getRandomValues") || isMember(node, "crypto", "randomUUID")) {
              report(node, "crypto's randomness", "Take `random` as an argument");
            }
          },
          NewExpression(node) {
            if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) {
              report(node, "new Date()", "Take `now` as an argument");
            }
          },
          CallExpression(node) {
            if (node.callee.type === "Identifier" && node.callee.name === "Date") {
              report(node, "Date()", "Take `now` as an argument");
            }
          },
        };
      },
    },
    "no-console": {
      create(context) {
        if (MAY_PRINT.test(inProject(context.filename))) return {};
        return {
          MemberExpression(node) {
            if (node.object.type === "Identifier" && node.object.name === "console") {
              context.report({
                node,
                message: "Only ghostctl, mains, scripts and tests print",
                hint: "Use mesh/host/log.ts",
              });
            }
          },
        };
      },
    },
  },
};

export default plugin;
