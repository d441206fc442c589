import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { ExperimentResults } from "./ExperimentResults";

const route = getRouteApi("/experiments/$id");

/** One experiment: its header, and its results under tabs. */
export function ExperimentPage() {
  const { id } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  return (
    <ExperimentResults
      id={id}
      search={search}
      go={(next) =>
        void navigate({
          to: "/experiments/$id",
          params: { id },
          search: next,
          replace: true,
          resetScroll: false,
        })
      }
    />
  );
}
