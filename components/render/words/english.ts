import type { Words } from "./words.ts";

/** English. */
export const english: Words = {
  contact: "whoever looks after this site",
  signInFailed: {
    title: "Sign-in",
    refused: "Your account does not have access to this site",
    expired: [
      "This sign-in has expired",
      (goOn) =>
        `A sign-in must be completed within half an hour, and your browser keeps only the last few. ${goOn("Continue")}; you may have to sign in again. If you keep ending up here, your browser is blocking this site's cookies.`,
    ],
    cancelled: [
      "You are not signed in",
      (again) => `The sign-in was cancelled, or Microsoft did not let you continue. ${again("Sign in")}.`,
    ],
    entraUnavailable: [
      "Microsoft's sign-in is currently unavailable",
      (again) => `The problem is not with you or this site. ${again("Try again")} in a minute.`,
    ],
    other: ["Signing in failed", (again) => `This is not your fault. ${again("Try again")}.`],
    quote: "Quote this when you ask for help:",
  },
  footer: (domain, { emailDomains, byGroup, byRole }, signOut, contact) => {
    const conditions = [
      ...(emailDomains.length > 0 ? [`whose account ends in ${emailDomains.join(" or ")}`] : []),
      ...(byGroup ? ["who are in a group with access to it"] : []),
      ...(byRole ? ["who have a role in it"] : []),
    ];
    return `${domain} is open to people ${conditions.join(" and ")}. To use another account, ${signOut("sign out")} first. For help, ask ${contact}.`;
  },
  forbidden: (domain, by, start, signOut, contact) => ({
    title: `No access · ${domain}`,
    heading: `Your account does not have access to this part of ${domain}`,
    paragraphs: [
      `It requires ${by === "role" ? "a role that your account does not have" : "membership in a group that your account is not in"}. ${start("Go to the start page")}, or, if you have another account, ${signOut("sign out")} and use that one. If you should have access, ask ${contact}; new access takes effect at your next sign-in.`,
    ],
  }),
  badRequest: (domain, start, contact) => ({
    title: `Invalid address · ${domain}`,
    heading: `${domain} does not accept this address`,
    paragraphs: [
      `Some parts of this site are restricted. This address is ambiguous: because of an encoded or doubled slash, a “;” or a “..” in it, it could also mean one of them. ${start("Go to the start page")} and find the page from there.`,
      `If a link or a program that you need leads here, tell ${contact} and quote the address and the number below.`,
    ],
  }),
  unavailable: (domain, contact) => ({
    title: `Unavailable · ${domain}`,
    heading: `${domain} is currently unavailable`,
    paragraphs: [
      `This is not your fault. Try again in a minute. If the problem persists, tell ${contact} and quote the number below.`,
    ],
  }),
  blocked: (domain, contact) => ({
    title: `Access withdrawn · ${domain}`,
    heading: `Your access to ${domain} has been withdrawn`,
    paragraphs: [
      `Your account is blocked at this site and at others. Signing in again does not change that. If you think that this is a mistake, ask ${contact} and quote the number below.`,
    ],
  }),
  expired: (domain, start, signOut, contact) => ({
    title: `Access ended · ${domain}`,
    heading: `Your access to this part of ${domain} has ended`,
    paragraphs: [
      `It was given until a day that has passed. Signing in again does not change that. ${start("Go to the start page")}, or, if you have another account, ${signOut("sign out")} and use that one. If you still need access, ask ${contact} and quote the number below.`,
    ],
  }),
  tooMany: (domain, again, contact) => ({
    title: `Too many sign-ins · ${domain}`,
    heading: "Too many sign-ins from your network",
    paragraphs: [
      `Wait a minute and ${again("try again")}. If this happens to you without a reason, tell ${contact} and quote the number below.`,
    ],
  }),
  maintenance: (domain, message, contact) => ({
    title: `Maintenance · ${domain}`,
    heading: `${domain} is closed for maintenance`,
    paragraphs: [message, `If you have questions, ask ${contact}.`],
  }),
  signedOut: (domain, signIn) => ({
    title: `Signed out · ${domain}`,
    heading: `You are signed out of ${domain}`,
    paragraphs: [signIn("Sign in again")],
  }),
  begin: (domain, signIn) => ({
    title: `Sign-in · ${domain}`,
    heading: `Signing in to ${domain}`,
    paragraphs: [signIn("Sign in")],
  }),
  signedIn: (domain, goOn) => ({
    title: `Sign-in · ${domain}`,
    heading: `You are signed in to ${domain}`,
    paragraphs: [goOn("Continue")],
  }),
  notSaved: (domain, signIn) => ({
    title: `Not saved · ${domain}`,
    heading: `You are no longer signed in to ${domain}`,
    text: "What you just sent was not saved. Your browser still has it:",
    steps: [
      `${signIn("Sign in")}, in a new tab.`,
      "Come back to this tab and reload it. If your browser asks whether to resend the form, confirm.",
    ],
  }),
};
