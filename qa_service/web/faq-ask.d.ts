/** The shapes that faq-ask.js reads and sends; for tsc alone, no browser loads this file. */

interface Named {
  id: string;
  question: string;
  language?: string;
}

interface Answer extends Named {
  answer: string;
  answer_html?: string;
  confidence: number;
  source: { document: string; title?: string | null; uri: string | null };
  reviewed_at: string | null;
}

interface Found {
  query_id: string;
  outcome: string;
  answers: Answer[];
  related: Named[];
  feedback?: boolean;
}

interface Failure {
  reason: 'offline' | 'unreachable' | 'slow' | 'busy' | 'refused';
  status?: number;
  after?: number;
}

interface Element {
  setHTML?(html: string, options: object): void;
}

type Attributes = Record<string, string | false | null | undefined | ((event: Event) => void)>;
type Child = Node | string | false | null | undefined;
