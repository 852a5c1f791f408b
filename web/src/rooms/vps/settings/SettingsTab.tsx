import type { Vps } from "../../../api/nouns";
import { Stack } from "../../../ui/kit";
import { AccessCard } from "./AccessCard";
import { CopiesCard } from "./CopiesCard";
import { DangerCard } from "./DangerCard";
import { GeneralCard } from "./GeneralCard";
import { RescueCard } from "./RescueCard";
import { ResizeCard } from "./ResizeCard";

export default function SettingsTab({ vps }: { vps: Vps }) {
    return (
        <Stack>
            <GeneralCard vps={vps} />
            <AccessCard vps={vps} />
            <ResizeCard vps={vps} />
            <CopiesCard vps={vps} />
            <RescueCard vps={vps} />
            <DangerCard vps={vps} />
        </Stack>
    );
}
