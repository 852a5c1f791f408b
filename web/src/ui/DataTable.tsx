// A list in all its states; on a phone each row is a card.
import { Button, Checkbox, Center } from "@mantine/core";
import type { ReactNode } from "react";
import type { List } from "../api/hooks";
import { useT } from "../i18n";
import { Loading, ProblemNote } from "./States";

export interface Column<R> {
    head: string;
    cell: (row: R) => ReactNode;
    kind?: "number" | "fit" | "actions";
}

// What is there as a whole, as a list.
export const still = <R,>(items: R[], more?: () => void) => ({ items, problem: undefined, pending: false, stale: false, retry: () => undefined, more, loadingMore: false });

interface Choice {
    chosen: ReadonlySet<string>;
    choose: (ids: string[], on: boolean) => void;
}

interface Props<R> {
    label: string;
    list: Pick<List<R>, "items" | "problem" | "pending" | "stale" | "retry" | "more" | "loadingMore">;
    columns: Column<R>[];
    id: (row: R) => string;
    name?: (row: R) => string; // of a row, for its check box
    empty: ReactNode;
    choice?: Choice;
}

function Row<R>({ row, props }: { row: R; props: Props<R> }) {
    const t = useT();
    const { choice, columns, id, name } = props;
    return (
        <tr role="row">
            {choice && (
                <td role="cell" className="fit bare">
                    <Checkbox
                        size="xs"
                        aria-label={t("choose", { name: name?.(row) ?? id(row) })}
                        checked={choice.chosen.has(id(row))}
                        onChange={(event) => choice.choose([id(row)], event.currentTarget.checked)}
                    />
                </td>
            )}
            {columns.map((column, index) => (
                <td
                    role="cell"
                    key={column.head || index}
                    data-label={column.head}
                    className={`${column.kind ?? ""} ${column.kind === "actions" ? "fit bare" : ""} ${index === 0 ? "first bare" : ""}`}
                >
                    {column.cell(row)}
                </td>
            ))}
        </tr>
    );
}

function Head<R>({ props }: { props: Props<R> }) {
    const t = useT();
    const { choice, columns, id } = props;
    const ids = (props.list.items ?? []).map(id);
    const all = ids.length > 0 && ids.every((one) => choice?.chosen.has(one));
    return (
        <thead role="rowgroup">
            <tr role="row">
                {choice && (
                    <th role="columnheader" className="fit">
                        <Checkbox
                            size="xs"
                            aria-label={t("choose.all")}
                            checked={all}
                            indeterminate={!all && ids.some((one) => choice.chosen.has(one))}
                            onChange={(event) => choice.choose(ids, event.currentTarget.checked)}
                        />
                    </th>
                )}
                {columns.map((column, index) => (
                    <th role="columnheader" key={column.head || index} className={column.kind ?? ""} scope="col">
                        {column.kind === "actions" ? <span className="skip">{t("actions")}</span> : column.head}
                    </th>
                ))}
            </tr>
        </thead>
    );
}

export function DataTable<R>(props: Props<R>) {
    const t = useT();
    const { list } = props;
    if (!list.items) {
        return list.problem ? <ProblemNote problem={list.problem} retry={list.retry} /> : <div className="paper"><Loading rows={6} /></div>;
    }
    return (
        <>
            {list.problem && <ProblemNote problem={list.problem} retry={list.retry} />}
            <div className={`paper table-frame ${list.stale ? "faded" : ""}`}>
                {list.items.length === 0 ? (
                    props.empty
                ) : (
                    <table className="table" role="table" aria-label={props.label}>
                        <Head props={props} />
                        <tbody role="rowgroup">
                            {list.items.map((row) => (
                                <Row key={props.id(row)} row={row} props={props} />
                            ))}
                        </tbody>
                    </table>
                )}
                {list.more && (
                    <Center p="sm">
                        <Button variant="default" size="xs" loading={list.loadingMore} onClick={list.more}>
                            {t("more")}
                        </Button>
                    </Center>
                )}
            </div>
        </>
    );
}
