/** plotly.js is half a megabyte: it is loaded when the first figure is shown. */

import address from "plotly.js-cartesian-dist-min/plotly-cartesian.min.js?url";

export interface Plotly {
  react(node: HTMLElement, data: object[], layout: object, config: object): Promise<unknown>;
  purge(node: HTMLElement): void;
  downloadImage(node: HTMLElement, options: object): Promise<string>;
}

let loading: Promise<Plotly> | undefined;

/** The library, if a figure has needed it already. */
export function loaded(): Plotly | undefined {
  return (window as { Plotly?: Plotly }).Plotly;
}

/** The library. A script, not a module: of one that failed a browser would not ask again. */
export function plotly(): Promise<Plotly> {
  loading ??= new Promise<Plotly>((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(loaded() as Plotly);
    script.onerror = () => {
      loading = undefined;
      script.remove();
      reject(new Error("plotly.js could not be read"));
    };
    document.head.append(script);
  });
  return loading;
}
