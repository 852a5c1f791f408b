import { useMay } from "../../../roles";
import type { Vps } from "../../../api/nouns";
import { Stack } from "../../../ui/kit";
import { Addresses } from "./Addresses";
import { Firewall } from "./Firewall";
import { PortForwards } from "./PortForwards";
import { ReverseNames } from "./ReverseNames";

export default function NetworkTab({ vps }: { vps: Vps }) {
    const mayChange = useMay()("network:write");
    return (
        <Stack>
            <Addresses vps={vps} mayChange={mayChange} />
            <Firewall vps={vps} mayChange={mayChange} />
            <PortForwards vps={vps} mayChange={mayChange} />
            <ReverseNames vps={vps} mayChange={mayChange} />
        </Stack>
    );
}
