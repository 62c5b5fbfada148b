// Answers every line `{"schema": …, "uischema": …, "values": […]}` with what JSON Forms makes of it: `missing`, the scopes
// that point at nothing in the schema, and `hidden`, for each value the scopes of the controls that are not shown.
import { createInterface } from "node:readline";
import core from "@jsonforms/core";

const { Resolve, createAjv, isVisible } = core;

const controls = (element, within = []) =>
  element.type === "Control"
    ? [{ scope: element.scope, chain: [...within, element] }]
    : element.elements.flatMap((each) => controls(each, [...within, element]));

const ajv = createAjv();
for await (const line of createInterface({ input: process.stdin })) {
  const { schema, uischema, values } = JSON.parse(line);
  const all = controls(uischema);
  const isShown = ({ chain }, value) => chain.every((element) => isVisible(element, value, "", ajv, undefined));
  console.log(
    JSON.stringify({
      missing: all.filter(({ scope }) => !Resolve.schema(schema, scope, schema)).map(({ scope }) => scope),
      hidden: values.map((value) => all.filter((each) => !isShown(each, value)).map(({ scope }) => scope)),
    }),
  );
}
