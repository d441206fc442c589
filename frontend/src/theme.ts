import { createTheme, InputWrapper, type MantineColorsTuple } from "@mantine/core";

/** The blue of the Okabe–Ito palette that the figures use, in ten shades. */
const blue: MantineColorsTuple = [
  "#e6f4ff",
  "#cfe5f6",
  "#9fc9e8",
  "#6cacda",
  "#4393ce",
  "#2984c7",
  "#177cc4",
  "#0072b2",
  "#005f96",
  "#004c7a",
];

export const theme = createTheme({
  primaryColor: "blue",
  primaryShade: { light: 7, dark: 5 },
  colors: { blue },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: "system-ui, -apple-system, Segoe UI, Roboto, sans-serif",
  headings: { fontWeight: "600" },
  components: {
    // Help below the input: fields of a row then stand on one line however long their help is.
    InputWrapper: InputWrapper.extend({
      defaultProps: { inputWrapperOrder: ["label", "input", "description", "error"] },
    }),
  },
});
