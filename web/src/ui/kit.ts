// The parts of the component kit that rooms may use as they are.
export {
    ActionIcon, Alert, Anchor, Badge, Box, Button, Checkbox, Code, Collapse, Divider, FileButton, Grid, Group, Loader, Menu, NumberInput, Paper, PasswordInput, PinInput,
    Radio, SegmentedControl, Select, SimpleGrid, Skeleton, Stack, Switch, Table, TagsInput, Text, Textarea, TextInput, Title, Tooltip, MultiSelect,
    UnstyledButton, VisuallyHidden,
} from "@mantine/core";
