// A size as people type it: a number of GiB, or of MiB below one.
import { NumberInput } from "@mantine/core";

const GiB = 2 ** 30;

interface Props {
    label: string;
    value: number;
    set: (value: number) => void;
    error?: string;
    min?: number;
}

export function Bytes({ label, value, set, error, min = 0 }: Props) {
    return <NumberInput label={label} suffix=" GiB" min={min / GiB} decimalScale={4} value={value / GiB} error={error} onChange={(next) => set(Math.round((Number(next) || 0) * GiB))} />;
}
