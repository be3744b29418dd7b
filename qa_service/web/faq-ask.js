/** The element <faq-ask>, served as it is: README says how to use it, faq-ask.d.ts has its types. */
const LANGUAGES = ['en', 'es', 'fr'];
/** @type {Record<string, string[]>} */
const WORDS = {
  heading: ['Ask a question', 'Haga una pregunta', 'Posez une question'],
  label: ['Your question', 'Su pregunta', 'Votre question'],
  send: ['Ask', 'Preguntar', 'Demander'],
  close: ['Close', 'Cerrar', 'Fermer'],
  examples: ['For example:', 'Por ejemplo:', 'Par exemple :'],
  empty: ['Type a question.', 'Escriba una pregunta.', 'Saisissez une question.'],
  searching: ['Searching…', 'Buscando…', 'Recherche…'],
  answered: ['One official answer.', 'Una respuesta oficial.', 'Une réponse officielle.'],
  ambiguous: ['Did you mean one of these #?', '¿Quiso decir una de estas #?', 'Vouliez-vous dire une de ces # ?'],
  abstained: ['No official answer.', 'No hay respuesta oficial.', 'Aucune réponse officielle.'],
  related: ['Related questions', 'Preguntas relacionadas', 'Questions proches'],
  sure: ['Very likely your question', 'Muy probablemente su pregunta', 'Très probablement votre question'],
  likely: ['Probably your question', 'Probablemente su pregunta', 'Probablement votre question'],
  source: ['Source', 'Fuente', 'Source'],
  reviewed: ['Reviewed', 'Revisado', 'Révisé'],
  copy: ['Copy link', 'Copiar enlace', 'Copier le lien'],
  copied: ['Link copied.', 'Enlace copiado.', 'Lien copié.'],
  helpful: ['Was this helpful?', '¿Le sirvió?', 'Cela vous a-t-il aidé ?'],
  yes: ['Yes', 'Sí', 'Oui'],
  no: ['No', 'No', 'Non'],
  'other-question': ['Not my question', 'No es mi pregunta', 'Pas ma question'],
  unclear: ['Unclear', 'Poco clara', 'Peu clair'],
  outdated: ['Out of date', 'Desactualizada', 'Périmé'],
  thanks: ['Thank you.', 'Gracias.', 'Merci.'],
  offline: ['You are offline.', 'No hay conexión.', 'Vous êtes hors ligne.'],
  unreachable: ['The service does not answer.', 'El servicio no responde.', 'Le service ne répond pas.'],
  slow: ['The service takes too long.', 'El servicio tarda demasiado.', 'Le service tarde trop.'],
  busy: ['Too many questions. Next try in # s.', 'Demasiadas preguntas. Reintento en # s.', 'Trop de questions. Nouvel essai dans # s.'],
  again: ['Try again', 'Reintentar', 'Réessayer'],
  contact: ['Contact us', 'Contáctenos', 'Contactez-nous'],
};
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host { display: block; font: var(--faq-font, inherit); line-height: 1.5;
--c: var(--faq-color, CanvasText); --b: var(--faq-bg, Canvas);
--r: var(--faq-border, #757d85); --a: var(--faq-accent, light-dark(#005ea2, #8cc4f5));
--o: var(--faq-on-accent, var(--b)); --l: var(--faq-link, var(--a)) }
:host([mode=dialog]) { display: inline-block }
:host([hidden]) { display: none }
:host([theme=light]) { color-scheme: light }
:host([theme=dark]) { color-scheme: dark }
* { box-sizing: border-box; margin: 0 }
:focus-visible { outline: .25rem solid var(--faq-focus, #2491ff); outline-offset: 2px }
div, article { display: grid; gap: .75rem; justify-items: start }
.panel { justify-items: stretch; max-width: 48rem; color: var(--c); background: var(--b); overflow-wrap: anywhere }
dialog { margin: auto; border: 1px solid var(--r); padding: 1rem; width: min(42rem, 100% - 1rem); background: var(--b) }
form, .row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center }
.heading { flex: 1; font-size: 1.4em }
.question { font-size: 1.1em }
label { flex: 100%; font-weight: 700 }
input, button, .contact { font: inherit; background: none; border: 2px solid; border-radius: .25rem; padding: .2rem .9rem; text-align: start; text-decoration: none }
input { flex: 1 1 12rem; min-width: 0; color: inherit; border: 1px solid var(--r) }
a, button { color: var(--l); cursor: pointer }
.fill, [aria-pressed=true] { color: var(--o); background: var(--a); border-color: var(--a) }
input, .fill { min-height: 2.75rem }
.plain { border: 0; padding: .2rem 0; text-decoration: underline }
.list { padding: 0; list-style: none }
.quiet { font-size: .9em }
.answer { justify-self: stretch; background: color-mix(in srgb, var(--a) 8%, var(--b)); border-inline-start: .3rem solid var(--a); padding: 1rem }
summary > * { display: inline }
details > * + * { margin-block-start: .75rem }
.text, .question { unicode-bidi: plaintext }
.text :is(ul, ol) { padding-inline-start: 1.5rem }
table { border-collapse: collapse }
.text :is(th, td) { border: 1px solid var(--r); padding: .3rem .5rem }
`);
const TAGS = 'a b blockquote br code dd dl dt em hr i li ol p pre s strong sub sup table tbody td th thead tr u ul'.split(' ');
const KEPT = ['href', 'start', 'value'];
const SAFE = /^(https?|mailto|tel):/i;

/** @param {string} tag @param {string} part @param {Attributes} attributes @param {Child[]} children */
const h = (tag, part, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries({ part, class: part, ...attributes })) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value) element.setAttribute(name, value);
  }
  for (const child of children) if (child) element.append(child);
  return element;
};

/** @param {Answer} answer */
const official = ({ answer, answer_html: html, language: lang }) => {
  const into = h('div', 'text', { dir: 'auto', lang }, answer);
  /** @type {HTMLElement} */
  let from = into;
  try {
    if (html && into.setHTML) into.setHTML(html, { sanitizer: { elements: TAGS } });
    else if (html) from = new DOMParser().parseFromString(html, 'text/html').body;
  } catch {} // a policy forbids to parse it: the text stays
  for (const node of from.querySelectorAll('*')) {
    if (!TAGS.includes(node.localName)) node.remove();
    for (const { name, value } of [...node.attributes]) {
      if (!KEPT.includes(name) || (name === 'href' && !SAFE.test(value))) node.removeAttribute(name);
    }
  }
  if (from !== into) into.replaceChildren(...from.childNodes);
  return into;
};

class FaqAsk extends HTMLElement {
  static observedAttributes = ['lang', 'mode', 'heading', 'heading-level', 'placeholder', 'contact-url'];

  #root = this.attachShadow({ mode: 'open' });
  #task = new AbortController();
  #timer = 0;
  #notBefore = 0;
  #lang = '';
  #contact = '';
  /** @type {any} */
  #dialog;
  /** @type {any} */
  #input;
  /** @type {any} */
  #status;
  /** @type {any} */
  #results;

  connectedCallback() {
    this.#root.adoptedStyleSheets = [sheet];
    this.#build();
  }

  disconnectedCallback() {
    this.#stop();
  }

  attributeChangedCallback() {
    this.isConnected && this.#build();
  }

  open(text = '') {
    if (this.#dialog && !this.#dialog.open) {
      this.#dialog.showModal();
      this.#welcome();
    }
    if (text) this.ask(text);
  }

  close() {
    this.#dialog?.close();
  }

  /** @param {string} text @returns {Promise<Found | void>} */
  async ask(text, tries = 0) {
    const task = this.#stop();
    const question = text.trim().slice(0, 2000);
    this.#input.value = question;
    this.#results.replaceChildren();
    if (!question) return this.#say('empty');
    if (!tries && !this.#emit('faq-ask', { question }, true)) return;
    this.open();
    const wait = this.#notBefore - Date.now();
    if (wait > 0) {
      this.#say('busy', Math.ceil(wait / 1000));
      await new Promise((done) => {
        task.signal.onabort = done;
        this.#timer = setTimeout(done, wait);
      });
      if (task.signal.aborted) return;
    }
    this.#say('searching');
    try {
      const found = await this.#request('v1/ask', { question, top: +this.#get('top', '3') }, task);
      if (task !== this.#task) return;
      const shown = this.#found(found);
      this.#say(found.outcome, found.answers.length);
      this.#results.append(...shown);
      this.#emit('faq-answer', found);
      return found;
    } catch (error) {
      if (task !== this.#task) return;
      const { reason = 'unreachable', after = 0 } = /** @type {Failure} */ (error);
      this.#emit('faq-error', { reason });
      this.#notBefore = Date.now() + after * 1000;
      if (after && tries < 2) return this.ask(question, tries + 1);
      this.#say(after ? 'unreachable' : reason);
      this.#results.append(h('button', 'retry', { click: () => {
        this.#input.focus();
        this.ask(question);
      } }, this.#word('again')), this.#help());
    }
  }

  /** @param {string} name */
  #get(name, otherwise = '') {
    return this.getAttribute(name) || otherwise;
  }

  /** @param {string} name @param {object} detail */
  #emit(name, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(name, { detail, cancelable, bubbles: true, composed: true }));
  }

  /** @param {string} key */
  #word(key, number = 0) {
    return WORDS[key][LANGUAGES.indexOf(this.#lang)].replace('#', `${number}`);
  }

  /** @param {string} key */
  #say(key, number = 0) {
    this.#status.textContent = this.#word(key, number);
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#task.abort();
    return (this.#task = new AbortController());
  }

  #build() {
    this.#stop();
    const page = /** @type {HTMLElement} */ (this.closest('[lang]') || document.documentElement).lang.toLowerCase();
    const lang = (this.#lang = LANGUAGES.find((one) => page.startsWith(one)) || 'en');
    const name = this.#get('heading', this.#word('heading'));
    const modal = this.#get('mode') === 'dialog';
    // Landmarks need names of their own.
    const place = [...document.querySelectorAll('faq-ask')].indexOf(this);
    this.#input = h('input', 'input', { id: 'q', autocomplete: 'off', enterkeyhint: 'search', autofocus: modal && 'true',
      placeholder: this.#get('placeholder') });
    this.#status = h('p', 'status', { role: 'status' });
    this.#results = h('div', 'results', {});
    const panel = h('div', 'panel', { lang },
      h('div', 'row', {}, this.#heading(0, 'heading', { id: 'h' }, name),
        modal && h('button', 'close', { 'aria-label': this.#word('close'), click: () => this.close() }, '✕')),
      h('form', 'form', { role: 'search', 'aria-label': place > 0 ? `${name} ${place + 1}` : name, submit: (event) => {
        event.preventDefault();
        this.ask(this.#input.value);
      } }, h('label', 'label', { for: 'q' }, this.#word('label')), this.#input, h('button', 'button fill', {}, this.#word('send'))),
      this.#status, this.#results);
    this.#dialog = !modal ? null : h('dialog', 'dialog', { 'aria-labelledby': 'h', close: () => {
      if (this.#dialog.open) return;
      this.#stop();
      if (!this.#results.firstChild) this.#status.textContent = '';
    } }, panel);
    this.#root.replaceChildren(this.#dialog || panel);
    if (modal) this.#root.prepend(h('button', 'launcher fill', { lang, click: () => this.open() }, name));
    else this.#welcome();
  }

  /** @param {number} below @param {string} part @param {Attributes} attributes @param {string} text */
  #heading(below, part, attributes, text) {
    return h(`h${Math.min(6, +this.#get('heading-level', '2') + below)}`, part, attributes, text);
  }

  async #welcome() {
    try {
      const { examples, contact_url } = await this.#request(`v1/info?language=${this.#lang}`);
      this.#contact = contact_url;
      if (examples.length && !this.#status.textContent) this.#results.replaceChildren(this.#word('examples'), this.#list('example', examples));
    } catch {} // asking works without
  }

  /** @param {string} part @param {Named[]} named */
  #list(part, named) {
    return h('ul', 'list', {}, ...named.map(({ question, language: lang }) => h('li', '', {}, h('button', `${part} plain`, {
      dir: 'auto', lang, click: async () => {
        await this.ask(question);
        (this.#results.querySelector('[tabindex]') || this.#input).focus();
      },
    }, question))));
  }

  /** @param {string} path */
  #url(path) {
    const base = this.#get('endpoint', new URL('..', import.meta.url).href);
    return new URL(base.replace(/\/?$/, `/${path}`), document.baseURI).href;
  }

  /** @param {string} path @param {object} [body] @returns {Promise<any>} */
  async #request(path, body, task = new AbortController()) {
    const key = this.#get('key');
    const timer = setTimeout(() => task.abort(), 8000);
    let status = 0;
    let after = 0;
    try {
      const response = await fetch(this.#url(path), {
        method: body && 'POST', body: JSON.stringify(body), credentials: 'omit', signal: task.signal,
        headers: { ...(body && { 'Content-Type': 'application/json' }), ...(key && { Authorization: `Bearer ${key}` }) },
      });
      status = response.status;
      if (response.ok) return status === 204 || (await response.json());
      if ([429, 503].includes(status)) after = +(response.headers.get('Retry-After') || 1);
    } catch {} finally {
      clearTimeout(timer);
    }
    throw { after, reason: task.signal.aborted ? 'slow' : after ? 'busy' : status || navigator.onLine ? 'unreachable' : 'offline' };
  }

  #help() {
    const href = this.#get('contact-url', this.#contact);
    return SAFE.test(href) ? h('a', 'contact', { href }, this.#word('contact')) : '';
  }

  /** @param {Found} found */
  #found(found) {
    const { outcome, answers, related } = found;
    const told = answers.map((one) => {
      const question = this.#heading(1, 'question', { dir: 'auto', lang: one.language, tabindex: '-1' }, one.question);
      return outcome === 'answered'
        ? h('article', 'answer', {}, h('p', 'confidence quiet', {}, this.#word(one.confidence < 0.9 ? 'likely' : 'sure')), question, ...this.#told(one, found))
        : h('details', 'choice answer', {}, h('summary', '', {}, question), ...this.#told(one, found));
    });
    if (!told.length && related.length) told.push(this.#heading(1, 'question', { tabindex: '-1' }, this.#word('related')), this.#list('related', related));
    return outcome === 'abstained' ? [...told, this.#help()] : told;
  }

  /** @param {Answer} one @param {Found} found */
  #told(one, { query_id, feedback }) {
    const { title, document: file, uri } = one.source;
    const name = title || file;
    const date = one.reviewed_at;
    const link = new URL(this.#get('deep-link', `${this.#url('entry/')}{id}`).replace('{id}', encodeURIComponent(one.id)), document.baseURI).href;
    return [
      official(one),
      h('p', 'source quiet', {}, `${this.#word('source')}: `, uri && SAFE.test(uri) ? h('a', '', { href: uri }, name) : name,
        date && ` · ${this.#word('reviewed')} ${new Date(date).toLocaleDateString(this.#lang, { dateStyle: 'long', timeZone: 'UTC' })}`),
      h('button', 'copy plain', { click: () => {
        navigator.clipboard.writeText(link).then(() => this.#say('copied'), () => (this.#status.textContent = link));
      } }, this.#word('copy')),
      feedback && this.#vote(query_id, one.id),
    ];
  }

  /** @param {string} query_id @param {string} entry_id */
  #vote(query_id, entry_id) {
    const label = this.#word('helpful');
    const row = h('div', 'feedback row', { role: 'group', 'aria-label': label }, h('span', '', {}, label));
    /** @param {string} key */
    const choice = (key, helpful = false) => h('button', '', { 'aria-pressed': 'false', click: async ({ target }) => {
      const vote = { query_id, entry_id, helpful, reason: key.length > 3 ? key : undefined };
      for (const button of row.querySelectorAll('button')) button.ariaPressed = `${button === target}`;
      if (key === 'no') row.append(...['other-question', 'unclear', 'outdated'].map((one) => choice(one)));
      try {
        await this.#request('v1/feedback', vote);
        this.#say('thanks');
        this.#emit('faq-feedback', vote);
      } catch {
        this.#say('unreachable');
      }
    } }, this.#word(key));
    row.append(choice('yes', true), choice('no'));
    return row;
  }
}

if (!customElements.get('faq-ask')) customElements.define('faq-ask', FaqAsk);
