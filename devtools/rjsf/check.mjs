// Answers every line `{"schema": …, "values": […]}` with a line of booleans: is the value valid?
// The validator is the one of react-jsonschema-form, with its own options.
import { createInterface } from "node:readline";
import { customizeValidator } from "@rjsf/validator-ajv8";

const { ajv } = customizeValidator();
for await (const line of createInterface({ input: process.stdin })) {
  const { schema, values } = JSON.parse(line);
  const validate = ajv.compile(schema);
  console.log(JSON.stringify(values.map((value) => validate(value))));
  ajv.removeSchema(schema);
}
