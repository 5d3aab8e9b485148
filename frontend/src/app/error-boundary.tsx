import { Component, type ReactNode } from "react";
import { Button } from "../ui/button";
import { Notice } from "./notice";

/** A bug of ours must not leave a white page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    return (
      <Notice title="Something broke" text="That is our mistake. Your messages are safe; load the page again to go on.">
        <Button onClick={() => location.reload()}>Load again</Button>
      </Notice>
    );
  }
}
