import type { ComponentChildren, JSX } from "preact";
import icon from "./icon.svg";
import { type IconName, Icon } from "./icon.tsx";
import { ThemeSwitch } from "./theme.tsx";

interface ShellProps {
  /** What the page is, in a word or two. */
  readonly title: string;
  /** Beside the title: what it looks at. */
  readonly about?: ComponentChildren;
  /** At the right, before the theme's switch. */
  readonly status?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** What both pages have around them: a skip link, the head, the landmark of the content. */
export function Shell({ title, about, status, children }: ShellProps): JSX.Element {
  return (
    <>
      <a class="skip" href="#content" onClick={skipToContent}>
        Skip to content
      </a>
      <header class="head">
        <div class="brand">
          <img src={icon} alt="" />
          <h1>{title}</h1>
        </div>
        <div class="about">{about}</div>
        <div class="end">
          {status}
          <ThemeSwitch />
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

/** The address stays as it is: the part behind # may be a page's own. */
function skipToContent(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("#content")?.focus();
}

interface NoticeProps {
  readonly tone: "bad" | "warn" | "info";
  readonly children: ComponentChildren;
}

/** Something that the reader should know now; announced by screen readers when it comes. */
export function Notice({ tone, children }: NoticeProps): JSX.Element {
  const icons: Readonly<Record<NoticeProps["tone"], IconName>> = { bad: "bad", warn: "warn", info: "info" };
  return (
    <div class={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      <Icon name={icons[tone]} />
      <div>{children}</div>
    </div>
  );
}

interface BlankProps {
  readonly title: string;
  readonly children?: ComponentChildren;
}

/** Instead of a list: why there is nothing in it, and what would be. */
export function Blank({ title, children }: BlankProps): JSX.Element {
  return (
    <div class="blank">
      <h2>{title}</h2>
      {children}
    </div>
  );
}
