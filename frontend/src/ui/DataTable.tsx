import { Group, Pagination, Table, Text, UnstyledButton } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import {
  createPaginatedRowModel,
  createSortedRowModel,
  metaHelper,
  type RowData,
  rowPaginationFeature,
  rowSortingFeature,
  sortFn_basic,
  sortFn_text,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { breaking } from "./breaking";
import { TableFiles } from "./TableFiles";
import type { Column } from "./table";

const features = tableFeatures({
  rowSortingFeature,
  rowPaginationFeature,
  sortedRowModel: createSortedRowModel(),
  paginatedRowModel: createPaginatedRowModel(),
  sortFns: { basic: sortFn_basic, text: sortFn_text },
  columnMeta: metaHelper<{ numeric?: boolean }>(),
});

const PER_PAGE = 100;

/** The order of rows that the server has sorted: a column's id, with a minus from the largest on. */
export interface Order {
  by: string | undefined;
  change: (by: string | undefined) => void;
}

interface Props<T> {
  rows: T[];
  columns: Column<T>[];
  caption: string;
  minWidth?: number;
  empty?: string;
  /** Where the rows are a part of a whole: the server sorts, or (`"fixed"`) nobody does. */
  order?: Order | "fixed";
}

/** A table that sorts by any column, scrolls sideways on a narrow screen, and has pages if long. */
export function DataTable<T extends RowData>({
  rows,
  columns,
  caption,
  minWidth = 640,
  empty,
  order,
}: Props<T>) {
  const table = useTable({
    features,
    data: rows,
    enableSorting: order === undefined,
    // Live updates bring new rows; the page that is read stays.
    autoResetPageIndex: false,
    initialState: { pagination: { pageIndex: 0, pageSize: PER_PAGE } },
    columns: columns.map((column) => ({
      id: column.id,
      header: column.header,
      accessorFn: column.value,
      sortUndefined: "last" as const,
      // Of a loss the smallest comes first, not the largest.
      sortDescFirst: false,
      sortFn: column.numeric ? ("basic" as const) : ("text" as const),
      meta: { numeric: column.numeric ?? false },
    })),
  });
  const shown = new Map(columns.map((column) => [column.id, column]));
  if (rows.length === 0 && empty) return <Text c="dimmed">{empty}</Text>;
  const pages = table.getPageCount();
  return (
    <>
      <Table.ScrollContainer
        minWidth={minWidth}
        // A bar that is seen wherever columns lie outside, also where the system hides its own.
        scrollAreaProps={{ type: "auto", offsetScrollbars: "present" }}
      >
        <Table
          striped
          highlightOnHover
          verticalSpacing={6}
          horizontalSpacing={8}
          aria-label={caption}
        >
          <Table.Thead>
            {table.getHeaderGroups().map((group) => (
              <Table.Tr key={group.id}>
                {group.headers.map((header) => {
                  const column = shown.get(header.column.id);
                  const { sorted, sort } = sorting(header.column, order);
                  const numeric = column?.numeric;
                  return (
                    <Table.Th
                      key={header.id}
                      ta={numeric ? "right" : "left"}
                      aria-sort={
                        sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : "none"
                      }
                    >
                      {column?.head ??
                        (sort === undefined ? (
                          column?.header
                        ) : column?.header ? (
                          <UnstyledButton
                            fz="sm"
                            fw={600}
                            ta={numeric ? "right" : "left"}
                            onClick={sort}
                          >
                            <Header text={column.header} sorted={sorted} />
                          </UnstyledButton>
                        ) : null)}
                    </Table.Th>
                  );
                })}
              </Table.Tr>
            ))}
          </Table.Thead>
          <Table.Tbody>
            {table.getRowModel().rows.map((row) => (
              <Table.Tr key={row.id}>
                {columns.map((column) => (
                  <Table.Td
                    key={column.id}
                    ta={column.numeric ? "right" : "left"}
                    style={{
                      ...(column.numeric && { fontVariantNumeric: "tabular-nums" }),
                      ...((column.numeric || column.moment) && { whiteSpace: "nowrap" }),
                    }}
                  >
                    {column.cell ? (
                      column.cell(row.original)
                    ) : (
                      <Value value={column.value(row.original)} />
                    )}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <TableFiles rows={rows} columns={columns} caption={caption} />
      {pages > 1 && (
        <Group justify="space-between" mt="xs">
          <Pagination
            size="sm"
            total={pages}
            value={table.state.pagination.pageIndex + 1}
            onChange={(page) => table.setPageIndex(page - 1)}
            getControlProps={(control) => ({ "aria-label": `${control} page` })}
          />
          <Text size="sm" c="dimmed">
            {rows.length} rows
          </Text>
        </Group>
      )}
    </>
  );
}

function Value({ value }: { value: string | number | undefined }) {
  return typeof value === "string" ? <span style={breaking(value)}>{value}</span> : value;
}

type Sorted = false | "asc" | "desc";

/** A header's words; the arrow stays beside the last one. */
function Header({ text, sorted }: { text: string; sorted: Sorted }) {
  if (!sorted) return <span style={breaking(text)}>{text}</span>;
  const last = text.slice(text.lastIndexOf(" ") + 1);
  const Arrow = sorted === "asc" ? IconArrowUp : IconArrowDown;
  const arrow = <Arrow size={12} style={{ verticalAlign: "-1px" }} aria-hidden />;
  if (breaking(last))
    return (
      <span style={breaking(text)}>
        {text} {arrow}
      </span>
    );
  return (
    <>
      {text.slice(0, text.length - last.length)}
      <span style={{ whiteSpace: "nowrap" }}>
        {last} {arrow}
      </span>
    </>
  );
}

/** How a column is sorted, and what a click on its header does: up, down, then not at all. */
function sorting(
  column: { id: string; getIsSorted(): Sorted; getToggleSortingHandler(): unknown },
  order: Order | "fixed" | undefined,
): { sorted: Sorted; sort?: (event: unknown) => void } {
  if (order === "fixed") return { sorted: false };
  if (order === undefined) {
    const sort = column.getToggleSortingHandler() as (event: unknown) => void;
    return { sorted: column.getIsSorted(), sort };
  }
  const { id } = column;
  const sorted = order.by === id ? "asc" : order.by === `-${id}` ? "desc" : false;
  const next = sorted === "asc" ? `-${id}` : sorted === "desc" ? undefined : id;
  return { sorted, sort: () => order.change(next) };
}
