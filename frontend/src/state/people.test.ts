import { describe, expect, it } from "vitest";
import type { AuthApi } from "../api/auth";
import type { User } from "../api/types";
import { ann, ben, cho } from "../testing/shapes";
import { People } from "./people";

const DELETED: User = { ...ben, name: "Deleted user", deleted_at: "2026-11-22T13:00:00.000000Z" };

function make(answers: User[] = []): { people: People; asked: string[] } {
  const asked: string[] = [];
  const user = (id: string): Promise<User> => {
    asked.push(id);
    const found = answers.find((one) => one.id === id);
    return found === undefined ? Promise.reject(new Error("down")) : Promise.resolve(found);
  };
  return { people: new People({ user } as unknown as AuthApi, ann), asked };
}

describe("the people", () => {
  it("take a new name over, and tell nobody when nothing is new", () => {
    const { people } = make();
    people.learn([ben, cho]);
    let told = 0;
    people.subscribe(() => (told += 1));
    people.learn([{ ...ben }, cho]);
    expect(told).toBe(0);
    people.learn([{ ...ben, name: "Benjamin" }]);
    expect(told).toBe(1);
    expect(people.getSnapshot().get(ben.id)?.name).toBe("Benjamin");
  });

  it("stay deleted, whatever an older answer says", () => {
    const { people } = make();
    people.learn([ben]);
    people.learn([DELETED]);
    people.learn([ben]);
    expect(people.getSnapshot().get(ben.id)).toEqual(DELETED);
  });

  it("are asked for once, and again after a failure", async () => {
    const { people, asked } = make([ben]);
    people.want(ben.id);
    people.want(ben.id);
    people.want(cho.id);
    await Promise.resolve();
    await Promise.resolve();
    people.want(cho.id);
    expect(asked).toEqual([ben.id, cho.id, cho.id]);
    expect(await people.get(ben.id)).toEqual(ben);
    expect(asked).toHaveLength(3);
  });
});
