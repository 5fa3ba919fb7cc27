// Reads a JSON list of {language, query} on stdin and parses each with the published grammar of Prometheus or Loki.
// Prints what does not parse, one line each; exits 1 when there was any.
// With --names, and when all of them parse, prints instead a JSON list of what each query names: for PromQL {selectors,
// groups}, a {metric, labels} for each selector and the labels that it groups or joins by; for LogQL {fields}, the labels and
// fields that it selects, filters, groups or unwraps by.
// With --mutants likewise: for each query of PromQL a list of {what, query}, the query with one thing in it wrong.
import { readFileSync } from 'node:fs';
import { parser as promql } from '@prometheus-io/lezer-promql';
import { parser as logql } from '@grafana/lezer-logql';

const parsers = { prometheus: promql, loki: logql };
const queries = JSON.parse(readFileSync(0, 'utf8'));

function parse({ language, query }) {
  const tree = parsers[language].parse(query);
  let error = -1;
  tree.iterate({
    enter: (node) => {
      if (node.type.isError && error < 0) error = node.from;
    },
  });
  return { language, query, tree, error };
}

// The text of each node of that type below another.
function texts(query, node, type) {
  const found = [];
  node.cursor().iterate((inner) => {
    if (inner.name === type) found.push(query.slice(inner.from, inner.to));
  });
  return found;
}

function names({ language, query, tree }) {
  if (language === 'loki') return { fields: texts(query, tree.topNode, 'Identifier') };
  const found = { selectors: [], groups: [] };
  tree.iterate({
    enter: ({ name, node }) => {
      if (name === 'VectorSelector')
        found.selectors.push({ metric: texts(query, node, 'Identifier')[0], labels: texts(query, node, 'LabelName') });
      if (name === 'GroupingLabels') found.groups.push(...texts(query, node, 'LabelName'));
    },
  });
  return found;
}

// What a number, a range or a matcher may become that somebody has mistyped.
const mistakes = {
  NumberDurationLiteral: (text) => (Number(text) === 0 ? ['2'] : [String(text * 1.25), String(text * 0.8)]),
  NumberDurationLiteralInDurationContext: (text) => {
    const [, count, unit] = text.match(/^(\d+)([smhd])$/);
    return [`${count * 3}${unit}`, `${(count * { s: 1, m: 60, h: 3600, d: 86400 }[unit]) / 5}s`];
  },
  UnquotedLabelMatcher: (text) => {
    const [, label, values] = text.match(/^(\w+)=~"(.*)"$/) ?? [];
    if (!values?.includes('|') || label === 'action') return [`${text.match(/^\w+/)[0]}=~".*"`];
    return values.split('|').map((left) => `${label}=~"${values.split('|').filter((one) => one !== left).join('|')}"`);
  },
};

function mutants({ query, tree }) {
  const found = [];
  const replace = ({ from, to }, by, what) => found.push({ what, query: query.slice(0, from) + by + query.slice(to) });
  tree.iterate({
    enter: ({ name, node }) => {
      const text = query.slice(node.from, node.to);
      if (name === 'BinaryExpr' && ['And', 'Or', 'Unless'].some((operator) => node.getChild(operator)))
        for (const left of [node.firstChild, node.lastChild])
          replace(node, query.slice(left.from, left.to), `only ${query.slice(left.from, left.to)}`);
      for (const mistake of mistakes[name]?.(text) ?? []) replace(node, mistake, `${mistake} for ${text}`);
    },
  });
  return found;
}

const parsed = queries.map(parse);
const failed = parsed.filter(({ error }) => error >= 0);
const answer = { '--names': names, '--mutants': mutants }[process.argv[2]];
if (answer && failed.length === 0) {
  console.log(JSON.stringify(parsed.map(answer)));
} else {
  for (const { language, query, error } of failed) console.log(`${language}: at ${error}: ${query}`);
  console.log(`${parsed.length - failed.length} parsed, ${failed.length} not`);
}
process.exit(failed.length ? 1 : 0);
