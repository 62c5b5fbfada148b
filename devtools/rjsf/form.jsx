// A stock react-jsonschema-form around what GET /catalog/{id}/form answers; tests fill it in and read `submitted`.
import Form from "@rjsf/core";
import validator from "@rjsf/validator-ajv8";
import { createRoot } from "react-dom/client";

window.show = ({ schema, uiSchema, initial }) => {
  const keep = ({ formData }) => {
    window.submitted = formData;
  };
  createRoot(document.getElementById("form")).render(
    <Form schema={schema} uiSchema={uiSchema} formData={initial} validator={validator} onSubmit={keep} />,
  );
};
