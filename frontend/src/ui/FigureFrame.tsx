import { ActionIcon, Anchor, Group, Modal, Paper, Tooltip } from "@mantine/core";
import { useDisclosure, useViewportSize } from "@mantine/hooks";
import { IconMaximize, IconTable } from "@tabler/icons-react";
import { useContext, useMemo, useRef } from "react";
import { Download } from "./Download";
import { FigureActions } from "./figureActions";
import { withNamesInLines } from "./names";
import { Outdated, useOutdated } from "./Outdated";
import { Plot, type PlotlyFigure, type PlotPoint, type Save } from "./Plot";
import { type RecordsSource, RecordsTable } from "./RecordsTable";

interface Props {
  figure: PlotlyFigure;
  label: string;
  height: number;
  /** Downloads of its data: what they are called, and where they are. */
  files: { label: string; href: string; name?: string }[];
  /** Its data as a table, read when it is asked for. */
  records: RecordsSource;
  onPoint?: (point: PlotPoint) => void;
  onHover?: (point: PlotPoint | undefined) => void;
}

/** A figure with what belongs to it: full screen, its data as a table, pictures and files. */
export function FigureFrame({
  figure: given,
  label,
  height,
  files,
  records,
  onPoint,
  onHover,
}: Props) {
  const figure = useMemo(() => withNamesInLines(given), [given]);
  const saver = useRef<Save | undefined>(undefined);
  const screen = useViewportSize();
  const outdated = useOutdated();
  const action = useContext(FigureActions);
  const [whole, { open: enlarge, close: shrink }] = useDisclosure(false);
  const [table, { open: openTable, close: closeTable }] = useDisclosure(false);
  return (
    <>
      <Plot
        figure={figure}
        height={height}
        label={label}
        onPoint={onPoint}
        onHover={onHover}
        saver={saver}
      />
      <Group justify="flex-end" gap="sm" mt={4}>
        {action?.(label)}
        <Tooltip label="Full screen">
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            aria-label={`Full screen: ${label}`}
            disabled={outdated}
            onClick={enlarge}
          >
            <IconMaximize size={14} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="The data as a table">
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            aria-label={`Data as a table: ${label}`}
            disabled={outdated}
            onClick={openTable}
          >
            <IconTable size={14} />
          </ActionIcon>
        </Tooltip>
        {(["png", "svg"] as const).map((format) => (
          <Anchor
            key={format}
            size="xs"
            component="button"
            type="button"
            disabled={outdated}
            onClick={() => saver.current?.(format)}
          >
            {format.toUpperCase()}
          </Anchor>
        ))}
        {files.map(({ label: kind, href, name }) => (
          <Download key={kind} href={href} name={name} outdated={outdated}>
            {kind}
          </Download>
        ))}
      </Group>
      <Modal
        opened={whole}
        onClose={shrink}
        fullScreen
        title={label}
        closeButtonProps={{ "aria-label": "Leave full screen" }}
      >
        <Outdated when={outdated}>
          <Plot
            figure={figure}
            height={Math.max(240, screen.height - 90)}
            label={`${label}, full screen`}
            onPoint={onPoint}
          />
        </Outdated>
      </Modal>
      <Modal
        opened={table}
        onClose={closeTable}
        size="80rem"
        title={`Data of: ${label}`}
        closeButtonProps={{ "aria-label": "Close the table" }}
      >
        {table && <RecordsTable source={records} caption={`Data of: ${label}`} />}
      </Modal>
    </>
  );
}

/** The box around a figure, also while there is none. */
export function FigureBox({ children }: { children: React.ReactNode }) {
  return (
    <Paper withBorder p="xs">
      {children}
    </Paper>
  );
}
