// Small pieces of page, built from nodes.

export const at = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The round picture of a person. */
export const portrait = (person, ...more) => element('span', { class: `face face-${person.number}`, 'aria-hidden': 'true' }, person.initial, ...more);
