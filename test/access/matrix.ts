/** The cells of a site's access matrix before the real Nginx. */
import type { Site } from "../../components/site/site.ts";
import { accessMatrixOf, type Row } from "../../infra/access-matrix.ts";
import type { StackFile } from "../../infra/stack-file.ts";
import { people, programs } from "../unit/review/generated-sites.ts";
import { admits, examplesOf, forMethod, rowFor } from "../unit/review/matrix-cells.ts";
import type { Asked } from "./asking.ts";

/** The matrix of the one site of an environment, in whole and by single URLs. */
export class JudgedMatrix {
  readonly #domain: string;
  readonly #rows: readonly Row[];
  readonly #rowsAt: (url: string) => readonly Row[];
  readonly #known = new Map<string, readonly Row[]>();

  constructor(file: StackFile, { domain }: Site) {
    const matrixOf = accessMatrixOf(file);
    this.#domain = domain;
    this.#rows = matrixOf().sites[0]?.rows ?? [];
    this.#rowsAt = (url) => matrixOf(url).sites[0]?.rows ?? [];
  }

  /** Questions about every row, by nobody, by people of no group and of all, and by an application. */
  questions(): Asked[] {
    const somebody = [undefined, people[0], people[7], { program: programs[0] ?? "" }];
    return this.#rows.flatMap((row) => {
      const { targets, method } = examplesOf(row);
      return somebody.flatMap((person) => targets.map((target) => ({ person, method, target })));
    });
  }

  /**
   * What differs from Nginx's answer, in words.
   * @param plain whether the path is written so that the whole matrix is about it; else only the URL's is
   */
  differences({ person, method, target }: Asked, status: number, reached: boolean, plain: boolean): string[] {
    const url = `https://${this.#domain}${target}`;
    const at = this.#known.get(url) ?? this.#rowsAt(url);
    this.#known.set(url, at);
    const rows = [
      ["the matrix of the URL", forMethod(at, method)] as const,
      ...(plain ? [["the matrix", rowFor(this.#rows, target, method)] as const] : []),
    ];
    return rows
      .filter(
        ([, row]) =>
          row === undefined ||
          admits(row, person) !== reached ||
          ("status" in row && row.status !== status) ||
          "cannotJudge" in row,
      )
      .map(([what, row]) => `${what}: ${JSON.stringify(row)}`);
  }
}
