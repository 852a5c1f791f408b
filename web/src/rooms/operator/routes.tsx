export default function OperatorRoutes() {
    return null;
}
