// Reads a JSON list of {language, query} on stdin and parses each with the published grammar of Prometheus or Loki.
// Prints what does not parse, one line each; exits 1 when there was any.
// With --names, and when all of them parse, prints instead a JSON list of what each query names: {metric, labels} for each
// selector of PromQL, {fields} for LogQL, the labels and fields that it selects, filters, groups or unwraps by.
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
  if (language === 'loki') return [{ fields: texts(query, tree.topNode, 'Identifier') }];
  const found = [];
  tree.iterate({
    enter: ({ name, node }) => {
      if (name === 'VectorSelector')
        found.push({ metric: texts(query, node, 'Identifier')[0], labels: texts(query, node, 'LabelName') });
    },
  });
  return found;
}

const parsed = queries.map(parse);
const failed = parsed.filter(({ error }) => error >= 0);
if (process.argv[2] === '--names' && failed.length === 0) {
  console.log(JSON.stringify(parsed.map(names)));
} else {
  for (const { language, query, error } of failed) console.log(`${language}: at ${error}: ${query}`);
  console.log(`${parsed.length - failed.length} parsed, ${failed.length} not`);
}
process.exit(failed.length ? 1 : 0);
