import {
  Anchor,
  type CSSVariablesResolver,
  createTheme,
  InputWrapper,
  type MantineColorsTuple,
  Modal,
} from "@mantine/core";

/** The blue of the Okabe–Ito palette that the figures use, in ten shades. */
const blue: MantineColorsTuple = [
  "#e6f4ff",
  "#cfe5f6",
  "#9fc9e8",
  "#6cacda",
  "#4393ce",
  "#2984c7",
  "#1073b8",
  "#0072b2",
  "#005f96",
  "#004c7a",
];

export const theme = createTheme({
  primaryColor: "blue",
  primaryShade: { light: 7, dark: 6 },
  colors: { blue },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: "system-ui, -apple-system, Segoe UI, Roboto, sans-serif",
  headings: { fontWeight: "600" },
  components: {
    Anchor: Anchor.extend({ defaultProps: { underline: "always" } }),
    // Its cross has no word.
    Modal: Modal.extend({ defaultProps: { closeButtonProps: { "aria-label": "Close" } } }),
    // Help below the input: fields of a row then stand on one line however long their help is.
    InputWrapper: InputWrapper.extend({
      defaultProps: { inputWrapperOrder: ["label", "input", "description", "error"] },
    }),
  },
});

/** Mantine's greys and reds are too pale for small text (WCAG AA asks for 4.5 : 1). */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#5c636a",
    "--mantine-color-error": "#c92a2a",
    "--input-placeholder-color": "#6b7278",
  },
  dark: {
    "--mantine-color-dimmed": "#a6a6a6",
    "--mantine-color-error": "#ff8787",
    "--mantine-color-anchor": "#6cacda",
    "--input-placeholder-color": "#9a9a9a",
  },
});
