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

interface Props<T> {
  rows: T[];
  columns: Column<T>[];
  caption: string;
  minWidth?: number;
  empty?: string;
}

/** A table that sorts by any column, scrolls sideways on a narrow screen, and has pages if long. */
export function DataTable<T extends RowData>({
  rows,
  columns,
  caption,
  minWidth = 640,
  empty,
}: Props<T>) {
  const table = useTable({
    features,
    data: rows,
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
                  const sorted = header.column.getIsSorted();
                  const column = shown.get(header.column.id);
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
                        (column?.header && (
                          <UnstyledButton
                            fz="sm"
                            fw={600}
                            ta={numeric ? "right" : "left"}
                            onClick={header.column.getToggleSortingHandler()}
                          >
                            {column.header}{" "}
                            {sorted === "asc" && <IconArrowUp size={12} aria-hidden />}
                            {sorted === "desc" && <IconArrowDown size={12} aria-hidden />}
                          </UnstyledButton>
                        ))}
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
                    style={
                      column.numeric
                        ? { fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" }
                        : undefined
                    }
                  >
                    {column.cell ? column.cell(row.original) : column.value(row.original)}
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
