// Shows and hides what `visibleWhen` says, as the server decides it when the form arrives there. Without this script
// everything is shown. What a condition means: catalog/domain/conditions/tree.py.
(() => {
  "use strict";
  const parts = [...document.querySelectorAll("[data-visible-when]")];
  const conditions = new Map(parts.map((part) => [part, JSON.parse(part.dataset.visibleWhen)]));

  const isHidden = (element) => element.closest("[data-visible-when][hidden]") !== null;

  const chosen = (field) =>
    [...field.querySelectorAll("option:checked, input[data-json]:checked")]
      .filter((choice) => choice.dataset.json !== undefined)
      .map((choice) => JSON.parse(choice.dataset.json));

  const typed = (field) => {
    const control = field.querySelector("input:not([type=hidden]), select, textarea");
    const text = control.value;
    switch (field.dataset.type) {
      case "boolean":
        return control.checked;
      case "number":
        return text === "" ? null : Number(text);
      case "select":
        return chosen(field)[0] ?? null;
      case "multiselect": {
        const isFree = control.tagName === "TEXTAREA";
        const all = isFree ? text.split("\n").filter((line) => line.trim() !== "") : chosen(field);
        return all.length > 0 || field.dataset.default !== undefined ? all : null;
      }
      case "file":
        return control.files.length > 0 || field.querySelector("input[type=hidden]") ? {} : null;
      default:
        return text === "" ? null : text;
    }
  };

  // What `.current` would hold: nothing for a hidden field, the default for an empty one.
  const current = ([, group, ...steps]) => {
    const field = document.querySelector(`[data-field="${[group, ...steps.slice(0, 1)].join(".")}"]`);
    if (field === null || isHidden(field) || steps.length > 1) {
      return null;
    }
    return typed(field) ?? JSON.parse(field.dataset.default ?? "null");
  };

  const value = (operand) => ("path" in operand ? current(operand.path) : operand.is);

  const kind = (one) => (one === null ? "missing" : Array.isArray(one) ? "list" : typeof one);

  const equal = (one, other) =>
    kind(one) === kind(other) &&
    (Array.isArray(one) ? one.length === other.length && one.every((each, at) => equal(each, other[at])) : one === other);

  const compare = (left, relation, right) => {
    switch (relation) {
      case "==":
        return equal(left, right);
      case "!=":
        return !equal(left, right);
      case "in":
        return Array.isArray(right) && right.some((each) => equal(left, each));
      default: {
        const isOrdered = kind(left) === kind(right) && ["number", "string"].includes(kind(left));
        const orders = { "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right };
        return isOrdered && orders[relation];
      }
    }
  };

  const holds = (condition) => {
    if ("every" in condition) return condition.every.every(holds);
    if ("some" in condition) return condition.some.some(holds);
    if ("not" in condition) return !holds(condition.not);
    if ("holds" in condition) return value(condition.holds) === true;
    return compare(value(condition.left), condition.compare, value(condition.right));
  };

  const decide = () => {
    // Conditions may lean on parts that others hide: until nothing changes, which without circles is soon.
    for (let round = 0, isSettled = false; !isSettled && round < parts.length; round += 1) {
      isSettled = true;
      for (const part of parts) {
        const isShown = holds(conditions.get(part));
        isSettled = isSettled && part.hidden !== isShown;
        part.hidden = !isShown;
      }
    }
    for (const control of document.querySelectorAll("[data-visible-when] :is(input, select, textarea)")) {
      control.disabled = isHidden(control);
      control.required = control.dataset.required !== undefined;
    }
  };

  document.addEventListener("input", decide);
  window.addEventListener("pageshow", decide);
})();
